"""`aura-stream demo`: every message comes back, and nothing stays behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.integration

DEMO = [str(Path(sys.executable).with_name("aura-stream")), "demo"]
GONE_WITHIN = 20.0  # seconds; a deadline for polling, not a claim


def _port(line: str) -> str:
    found = re.search(r"redis://127\.0\.0\.1:(\d+)", line)
    assert found is not None, line
    return found[1]


def _servers(port: str) -> list[int]:
    """Return the processes whose command line names the port."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if port in (process.info["cmdline"] or [])]


def _gone(port: str) -> bool:
    deadline = time.monotonic() + GONE_WITHIN
    while _servers(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _servers(port)


@pytest.mark.untraced
def test_every_message_comes_back_and_nothing_stays_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "100"}
    result = subprocess.run(DEMO, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr
    (shown,) = re.findall(r"restored byte-exact.* ([\d,]+)/([\d,]+)\s*$", result.stdout, re.MULTILINE)
    assert shown[0] == shown[1]
    for row in ("messages", "bytes in", "bytes out", "ratio", "frames: template", "server memory in", "memory ratio"):
        assert row in result.stdout
    (row,) = re.findall(r"hit rate +(\d+)% +(\d+)% +(\d+)% +(\d+)% +(\d+)%", result.stdout)
    new, learned, changed, relearned, _ = map(int, row)
    assert (new, changed) < (learned, relearned)
    assert changed < relearned
    for step in ("new traffic", "another shape", "is emptied", "is lost", "written it anew", "restoring", "comparing"):
        assert step in result.stderr
    assert _gone(_port(result.stderr))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.untraced
@pytest.mark.parametrize("moment", ["server started", "another shape", "restoring"])
def test_ctrl_c_leaves_nothing_behind(moment: str, tmp_path: Path) -> None:
    """At each stage: no server process, no folder, no traceback."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(DEMO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        lines = [demo.stderr.readline()]
        while moment not in lines[-1]:
            lines.append(demo.stderr.readline())
            assert lines[-1], lines
        demo.send_signal(signal.SIGINT)
        _, rest = demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert "Traceback" not in rest
    assert _gone(_port(lines[0]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.untraced
def test_a_killed_demo_leaves_no_server_behind(tmp_path: Path) -> None:
    """SIGKILL gives no chance to clean up: the server's supervisor sees its parent go."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(DEMO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        port = _port(demo.stderr.readline())
        assert _servers(port)
        demo.kill()
    assert _gone(port)
