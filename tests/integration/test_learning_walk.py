"""The README's section on learning, as a new user follows it: two terminals, and messages from a third."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from aura_stream.codec import Codebook, HybridCodec, count_methods
from tests.architecture.sources import ROOT
from tests.infra.redis import StartRedis

pytestmark = [pytest.mark.integration, pytest.mark.untraced]

AURA = Path(sys.executable).with_name("aura-stream")
SERVER = "redis://localhost:6379/0"
PATIENCE = 90.0  # seconds; a deadline for polling, not a claim
LAST = 300  # messages at the end whose hit rate counts
STEPS = 20
PRODUCER = """
import sys, time, redis
client = redis.Redis.from_url(sys.argv[1])
for number, line in enumerate(sys.stdin.buffer.read().splitlines()):
    client.xadd("orders.raw", {"d": line})
    if number % 100 == 99:
        time.sleep(0.2)
"""


def section() -> str:
    """The README from where it is configured to where frames are decoded in one's own code."""
    text = (ROOT / "README.md").read_text("utf-8")
    return text.split("## Configure and run", 1)[1].split("## Decode anywhere", 1)[0]


def shown_files() -> dict[str, str]:
    """Every configuration that is shown, by the name in its first line."""
    blocks = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", section(), re.MULTILINE | re.DOTALL)
    return dict(blocks)


def shown_commands() -> list[list[str]]:
    """Every command that is shown, without its comment."""
    blocks = re.findall(r"^```sh\n(.*?)^```", section(), re.MULTILINE | re.DOTALL)
    return [line.partition("#")[0].split() for block in blocks for line in block.splitlines()]


class Walk:
    """A folder with the README's files in it, a server in the place of its own, and its commands."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.client = redis.Redis.from_url(url)
        for name, text in shown_files().items():
            (folder / name).write_text(text.replace(SERVER, url))

    def command(self, *words: str) -> list[str]:
        """Return a command of the README that begins so. It must be there."""
        (found,) = [each for each in shown_commands() if each[1 : 1 + len(words)] == list(words)]
        assert found[0] == "aura-stream"
        return [str(AURA), *found[1:]]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*words)
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)

    @contextmanager
    def terminal(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        log = self.folder / f"{words[0]}.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(self.command(*words), cwd=self.folder, stderr=stderr, text=True)
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def aura(self, *words: str) -> str:
        """Run any command, which must succeed; return what it printed."""
        command = [str(AURA), *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def logs(self) -> dict[str, str]:
        return {path.name: path.read_text()[-6000:] for path in self.folder.glob("*.log")}

    def produce(self, messages: list[bytes]) -> None:
        """Write messages from a process of their own, a few hundred a second."""
        command = [sys.executable, "-c", PRODUCER, self.url]
        subprocess.run(command, input=b"\n".join(messages), check=True, timeout=PATIENCE)

    def values(self, stream: str) -> list[bytes]:
        entries = cast(list[tuple[bytes, dict[bytes, bytes]]], self.client.xrange(stream))
        return [fields[b"d"] for _, fields in entries]

    def eventually(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"never came: {what}: {self.logs()}"
            time.sleep(0.1)


@pytest.fixture
def walk(start_redis: StartRedis, tmp_path: Path) -> Iterator[Walk]:
    walk = Walk(start_redis().url, tmp_path)
    yield walk
    walk.client.close()


def sample(name: str) -> list[bytes]:
    return (files("aura_stream") / "samples" / name).read_bytes().splitlines()


def hit_rate(frames: list[bytes]) -> float:
    return count_methods(frames)["template"] / max(1, len(frames))


class Shop:
    """Sends messages through the walk's bridge, and sees what they became."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.sent: list[bytes] = []

    def send(self, messages: list[bytes]) -> None:
        """Write messages, and wait for their frames."""
        self.walk.produce(messages)
        self.sent += messages
        through = len(self.sent)
        self.walk.eventually(lambda: self.walk.client.xlen("orders.raw.aura") == through, f"{through} frames")

    def send_until_learned(self, messages: list[bytes], steps: int) -> None:
        """Write two fifths, then a few at a time until they become three times smaller, then the rest."""
        begin = 2 * len(messages) // 5
        end = len(messages) - LAST
        self.send(messages[:begin])
        size = -(-(end - begin) // steps)
        for start in range(begin, end, size):
            self.send(messages[start : start + size])
            if self.ratio(size) > 3:
                self.send(messages[start + size :])
                return
            time.sleep(PATIENCE / steps)  # as slowly as a busy machine needs it
        pytest.fail(f"not learned: ratio {self.ratio(size):.2f}: {self.walk.logs()}")

    def ratio(self, last: int) -> float:
        """How many times smaller the last messages became."""
        frames = self.walk.values("orders.raw.aura")[-last:]
        return sum(map(len, self.sent[-last:])) / sum(map(len, frames))


def ended(*processes: subprocess.Popen[str]) -> bool:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    return [process.wait(timeout=PATIENCE) for process in processes] == [0] * len(processes)


def test_the_section_on_learning_works_as_printed(walk: Walk) -> None:
    """And twice: the messages take another shape, and are learned again. Then the store's keys are lost."""
    shop = Shop(walk)
    with walk.terminal("run", "orders.yaml") as bridge, walk.terminal("discover") as discovery:
        shop.send(sample("logs.txt")[:1])
        checked = walk.run("check")
        assert checked.returncode == 0, checked.stderr
        for name in ("logs.txt", "later_logs.txt"):
            shop.send_until_learned(sample(name)[1:], STEPS)
            assert hit_rate(walk.values("orders.raw.aura")[-LAST:]) > 0.8
            assert shop.ratio(LAST) > 3
        assert ended(discovery, bridge), walk.logs()
    listed = walk.run("templates", "list")
    assert listed.returncode == 0, listed.stderr
    assert "templates in all" in listed.stdout

    walk.client.delete(*walk.client.scan_iter("aura:{orders}:*"))
    assert "aura-stream templates rebuild orders.yaml" in " ".join(section().split())
    walk.aura("templates", "rebuild", "orders.yaml", "--yes")
    restored = walk.run("run", "--once")
    assert restored.returncode == 0, restored.stderr
    assert walk.values("orders.raw.aura.restored") == shop.sent
    rows = json.loads(walk.aura("templates", "list", "orders.yaml", "--json"))
    assert len({(row["generation"], row["number"]) for row in rows}) == len(rows)
    assert json.loads(walk.aura("templates", "verify", "orders.yaml", "--json"))["ok"] is True
    walk.aura("templates", "export", "orders.yaml", "orders.book")
    book = Codebook.load(walk.folder / "orders.book")
    assert HybridCodec(book).decode_batch(walk.values("orders.raw.aura")) == shop.sent
