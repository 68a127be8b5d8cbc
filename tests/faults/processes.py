"""The processes of a run: workers, the oracle, the judge; real ones, each ended with the run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from tests.faults.killable import KILL, PATCH
from tests.faults.plan import Verdict
from tests.infra.tracing import CONFIGURATION

KILLABLE = [sys.executable, "-m", "tests.faults.killable"]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds; a bound on hanging, not a measure of speed

# What a worker that lets go of nothing behind its back never writes. Not: errors that it tells of.
COMPLAINTS = re.compile(
    r"Traceback \(most recent|Task was destroyed|exception was never retrieved|was never awaited|ResourceWarning"
)


def environment(**more: str) -> Mapping[str, str]:
    """Return the environment of a process: without measuring its coverage, without what steers another's faults."""
    left_out = (CONFIGURATION, KILL, PATCH)
    return {name: value for name, value in os.environ.items() if name not in left_out} | more


class Worker:
    """A real `aura-stream run` (or another verb) with a configuration file; `memory` and `descriptors` are watched."""

    def __init__(
        self, config: Path, log: Path, *options: str, verb: str = "run", kill: str = "", patch: str = ""
    ) -> None:
        faults = {name: value for name, value in ((KILL, kill), (PATCH, patch)) if value}
        self._log = log
        with log.open("wb") as stderr:
            self.popen = subprocess.Popen(
                [*KILLABLE, verb, str(config), *options], cwd=ROOT, env=environment(**faults), stderr=stderr
            )
        self.process = psutil.Process(self.popen.pid)
        self.memory = 0  # bytes, the most seen, of it and its children
        self.descriptors: list[int] = []

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.popen.poll() is None

    @property
    def log(self) -> str:
        """What it wrote to stderr so far."""
        return self._log.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal: SIGTERM, SIGSTOP, SIGCONT, SIGKILL…"""
        self.popen.send_signal(number)

    async def ended(self, patience: float = PATIENCE) -> int:
        """Wait for its end and return the exit code, -9 after SIGKILL."""
        deadline = time.monotonic() + patience
        while (code := self.popen.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the worker still runs after {patience:g} s; its log ends: {self.log[-1500:]}")
            await asyncio.sleep(0.02)
        return code

    async def logged(self, text: str, since: int = 0, patience: float = PATIENCE) -> None:
        """Wait until it has written this; `since`: behind so many characters, `len(worker.log)` of a moment before."""
        deadline = time.monotonic() + patience
        while text not in self.log[since:]:
            assert self.running, f"ended with {self.popen.returncode} before it wrote {text!r}: {self.log[-1500:]}"
            assert time.monotonic() < deadline, f"never wrote {text!r}: {self.log[-1500:]}"
            await asyncio.sleep(0.05)

    def look(self) -> None:
        """Note memory and descriptors as they are now."""
        try:
            family = [self.process, *self.process.children(recursive=True)]
            self.memory = max(self.memory, sum(each.memory_info().rss for each in family))
            self.descriptors.append(sum(each.num_fds() for each in family))
        except psutil.Error:
            pass  # it has ended, or one of its children has

    def complaints(self) -> list[str]:
        """Return what it wrote that a tidy process does not write."""
        return COMPLAINTS.findall(self.log)

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.running:
            for child in self.process.children(recursive=True):
                child.kill()
            self.popen.kill()
        self.popen.wait()


class OracleProcess:
    """The oracle's process. Raises RuntimeError for what it could not do."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self, plan: Path) -> None:
        """Start it with a plan."""
        command = [sys.executable, "-m", "tests.faults.oracle", str(plan)]
        pipe = asyncio.subprocess.PIPE
        env = environment()
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT, env=env)
        self._reading = asyncio.create_task(self._read())

    async def __call__(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Let it do one thing."""
        assert self._process is not None
        assert self._process.stdin is not None
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "do": do, "with": arguments}).encode() + b"\n")
        found = await answer
        if "error" in found:
            raise RuntimeError(f"the oracle could not {do}: {found['error']}")
        return found

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            found = json.loads(line)
            self._answer(found["id"], found)
        for number in list(self._waiting):
            self._answer(number, {"error": "its process has ended"})

    def _answer(self, number: int, found: dict[str, Any]) -> None:
        answer = self._waiting.pop(number)
        if not answer.done():  # nobody waits for it any more
            answer.set_result(found)

    async def close(self) -> None:
        """End it."""
        if self._process is not None and self._reading is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                async with asyncio.timeout(PATIENCE / 6):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
            await self._reading


async def ask_judge(plan: Path) -> Verdict:
    """Start a judge, and return what it finds."""
    command = [sys.executable, "-m", "tests.faults.judge", str(plan)]
    pipe = asyncio.subprocess.PIPE
    judge = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, cwd=ROOT, env=environment())
    out, errors = await judge.communicate()
    if judge.returncode:
        raise RuntimeError(f"no verdict: {errors.decode(errors='replace')[-2000:]}")
    return Verdict(**json.loads(out))
