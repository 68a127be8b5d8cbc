"""A supervisor keeps its workers running, drains them together, and hides nothing of how they ended.

The workers here are small programs; those of real bridges are in tests/integration/test_fleet.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from aura_stream.app import fleet as module
from aura_stream.app.connectors import InstalledConnectors
from aura_stream.app.fleet import Fleet, worker_heartbeat
from aura_stream.app.supervised import end_with_supervisor
from aura_stream.runtime.lifecycle import DRAIN
from aura_stream.runtime.retry import Pauses

PATIENCE = 30.0
SLEEPS = "import time; time.sleep(60)"
LISTENS = """
import signal, sys, time
drained = False
def drain(*_):
    global drained
    drained = True
signal.signal(signal.{DRAIN}, drain)
print("ready", file=open({ready!r}, "a"), flush=True)
while not drained:
    time.sleep(0.01)
{then}
"""


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pauses, "next", lambda _self: 0.01)


class Programs:
    """Workers that are small programs, by number; notes how often each was started."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.started = [0] * len(texts)

    def __call__(self, number: int) -> Sequence[str]:
        self.started[number] += 1
        return [sys.executable, "-ISc", self.texts[number]]

    def fleet(self, drain_timeout: float = PATIENCE, **more: object) -> Fleet:
        return Fleet(len(self.texts), self, drain_timeout, **more)  # type: ignore[arg-type]


class Ready:
    """Programs that say when they listen, and do `then` once they are told to drain."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ready"
        self._file.touch()

    def program(self, then: str = "") -> str:
        return LISTENS.format(DRAIN=DRAIN.name, ready=str(self._file), then=then)

    async def of(self, count: int) -> None:
        await eventually("the workers listen", lambda: self._file.read_text().count("ready") >= count)


def workers() -> list[psutil.Process]:
    """Return the programs that run; a test process may have servers for children too."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "-ISc" in child.cmdline():
                found.append(child)
    return found


async def eventually(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(0.01)


async def ended(running: asyncio.Task[int]) -> int:
    return await asyncio.wait_for(running, PATIENCE)


def start(fleet: Fleet) -> asyncio.Task[int]:
    return asyncio.create_task(fleet.run())


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def of(pattern: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in map(logging.LogRecord.getMessage, caplog.records) if re.search(pattern, text)]


async def test_with_once_they_end_when_all_are_through() -> None:
    programs = Programs("", "")
    assert await ended(start(programs.fleet(once=True))) == 0
    assert programs.started == [1, 1]


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("raise SystemExit(75)", "exit code 75"),
        ("raise SystemExit(70)", "exit code 70"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("", "exit code 0"),
    ],
)
async def test_one_that_ends_is_started_anew_beside_the_others(
    program: str, how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ready = Ready(tmp_path)
    programs = Programs(program, ready.program())
    running = start(programs.fleet())
    await eventually("it was started anew", lambda: programs.started[0] > 2)
    await ready.of(1)
    assert programs.started[1] == 1
    lines = of("anew", caplog)
    assert f"worker 0 ended with {how}; starting it anew in 0.0 s" in lines
    assert programs.started[0] - len(lines) in (0, 1)  # one line each time
    send(signal.SIGTERM)
    await ended(running)


async def test_one_that_cannot_be_started_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ready, tried = Ready(tmp_path), 0

    def command(number: int) -> Sequence[str]:
        nonlocal tried
        tried += number
        return [str(tmp_path / "nothing")] if number else [sys.executable, "-ISc", ready.program()]

    running = start(Fleet(2, command, PATIENCE))
    await eventually("it was tried again", lambda: tried > 2)
    await ready.of(1)
    assert "worker 1 cannot be started: No such file or directory; starting it anew in 0.0 s" in of("anew", caplog)
    send(signal.SIGTERM)
    await ended(running)


@pytest.mark.parametrize("code", [1, 2, 78])
async def test_what_a_person_must_mend_drains_the_others_and_is_the_exit_code(code: int, tmp_path: Path) -> None:
    ready, done = Ready(tmp_path), tmp_path / "drained"
    waits = f"import os, time\nwhile 'ready' not in open({str(tmp_path / 'ready')!r}).read(): time.sleep(0.01)\n"
    programs = Programs(f"{waits}os._exit({code})", ready.program(f"open({str(done)!r}, 'w')"))
    assert await ended(start(programs.fleet())) == code
    assert (programs.started, done.exists()) == ([1, 1], True)


async def test_a_signal_drains_all_and_how_many_are_left_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ready = Ready(tmp_path)
    programs = Programs(ready.program(), ready.program("sys.exit(75)"), ready.program("sys.exit(75)"))
    running = start(programs.fleet())
    await ready.of(3)
    send(signal.SIGTERM)
    assert await ended(running) == os.EX_TEMPFAIL
    assert of("not drained", caplog) == ["2 of 3 workers not drained: worker 1, 2; what they held comes again"]


@pytest.mark.parametrize("by_init", [False, True], ids=["by its supervisor", "by the init system"])
async def test_one_that_was_told_before_it_listened_held_nothing(by_init: bool, tmp_path: Path) -> None:
    ready = Ready(tmp_path)
    deaf = f"import signal; signal.signal({DRAIN:d}, signal.SIG_IGN)\n" if by_init else ""
    says = f"open({str(tmp_path / 'ready')!r}, 'a').write('ready')\n"
    running = start(Programs(f"{deaf}{says}{SLEEPS}").fleet())
    await ready.of(1)
    send(signal.SIGTERM)
    if by_init:
        workers()[0].send_signal(signal.SIGTERM)
    assert await ended(running) == 0


async def test_one_that_is_stopped_by_hand_before_it_listened_is_started_anew(caplog: pytest.LogCaptureFixture) -> None:
    programs = Programs(SLEEPS)
    running = start(programs.fleet(once=True))
    await eventually("it runs", lambda: bool(workers()))
    workers()[0].send_signal(signal.SIGTERM)
    await eventually("it was started anew", lambda: programs.started == [2])
    assert of("anew", caplog) == ["worker 0 ended with SIGTERM; starting it anew in 0.0 s"]
    send(signal.SIGTERM)
    await ended(running)


async def test_signals_to_a_worker_that_just_ended_do_not_hide_how() -> None:
    async def sleeper() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(sys.executable, "-ISc", SLEEPS)

    codes = []
    for _ in range(20):
        process = await sleeper()
        os.kill(process.pid, signal.SIGKILL)
        for _ in range(200):
            module._tell(process, DRAIN)
        codes.append(await process.wait())
    assert codes == [-signal.SIGKILL] * 20


async def test_a_second_signal_does_not_hide_how_a_worker_ended(tmp_path: Path) -> None:
    ready, closing = Ready(tmp_path), tmp_path / "closing"
    then = f"open({str(closing)!r}, 'w'); time.sleep(60)"
    running = start(Programs(ready.program(then)).fleet())
    await ready.of(1)
    send(signal.SIGTERM)
    await eventually("it is cut short", closing.exists)
    send(signal.SIGTERM)
    assert await ended(running) == os.EX_TEMPFAIL


async def test_one_that_heeds_nothing_is_killed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.1)
    ready = Ready(tmp_path)
    running = start(Programs(ready.program("time.sleep(60)")).fleet(drain_timeout=0.1))
    await ready.of(1)
    send(signal.SIGINT)
    assert await ended(running) == os.EX_TEMPFAIL


async def test_the_end_does_not_wait_for_one_that_is_about_to_be_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pauses, "next", lambda _self: 3600.0)
    programs = Programs("raise SystemExit(75)")
    running = start(programs.fleet())
    await eventually("it ended", lambda: programs.started == [1] and not workers())
    await asyncio.sleep(0.05)
    send(signal.SIGTERM)
    assert await ended(running) == os.EX_TEMPFAIL


async def test_one_that_the_init_system_told_before_its_supervisor_held_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Pauses, "next", lambda _self: 3600.0)
    running = start(Programs(SLEEPS).fleet())
    await eventually("it runs", lambda: bool(workers()))
    workers()[0].send_signal(signal.SIGTERM)
    await eventually("it ended", lambda: bool(of("ended with SIGTERM", caplog)))
    send(signal.SIGTERM)
    assert await ended(running) == 0


async def test_pauses_grow_with_misfortunes_in_a_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[int] = []

    def note(pauses: Pauses) -> float:
        pauses._state.prepare_for_next_attempt()
        failures.append(pauses.failures)
        if len(failures) == 3:
            monkeypatch.setattr(module, "STEADY", 0.0)  # from now on every run counts as a long one
        return 0.0

    monkeypatch.setattr(Pauses, "next", note)
    running = start(Programs("raise SystemExit(75)").fleet())
    await eventually("misfortunes", lambda: len(failures) >= 5)
    send(signal.SIGTERM)
    await ended(running)
    assert failures[:5] == [1, 2, 3, 1, 1]


async def test_a_heartbeat_needs_that_of_each_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)
    heart, ready = tmp_path / "alive", Ready(tmp_path)
    texts = [ready.program(), ready.program()]
    running = start(Programs(*texts).fleet(heartbeat=heart))
    await ready.of(2)
    worker_heartbeat(heart, 0).touch()
    await asyncio.sleep(0.1)
    assert not heart.exists()
    worker_heartbeat(heart, 1).touch()
    await eventually("a heartbeat of both", heart.exists)
    long_ago = time.time() - 60
    os.utime(worker_heartbeat(heart, 0), (long_ago, long_ago))
    await asyncio.sleep(0.1)
    before = heart.stat().st_mtime_ns
    await asyncio.sleep(0.1)
    assert heart.stat().st_mtime_ns == before
    send(signal.SIGTERM)
    await ended(running)


async def test_a_worker_that_is_through_needs_no_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)
    heart, ready = tmp_path / "alive", Ready(tmp_path)
    worker_heartbeat(heart, 1).touch()
    running = start(Programs("", ready.program()).fleet(heartbeat=heart, once=True))
    await eventually("a heartbeat of the one that still works", heart.exists)
    await ready.of(1)
    send(signal.SIGTERM)
    assert await ended(running) == 0


async def test_many_starts_leave_nothing_behind() -> None:
    this = psutil.Process()
    await ended(start(Programs("").fleet(once=True)))  # what is made once
    tasks, descriptors, threads = len(asyncio.all_tasks()), this.num_fds(), threading.active_count()
    programs = Programs("raise SystemExit(75)", "")
    running = start(programs.fleet())
    await eventually("many starts", lambda: sum(programs.started) > 12)
    send(signal.SIGTERM)
    await ended(running)
    await eventually("the loop has closed what it held", lambda: this.num_fds() <= descriptors)
    await eventually("no threads are left", lambda: threading.active_count() <= threads)
    assert (len(asyncio.all_tasks()), workers()) == (tasks, [])


def test_a_worker_whose_supervisor_is_gone_drains_and_ends_in_any_case() -> None:
    ours, theirs = os.pipe()
    told, ends = threading.Event(), []
    before = signal.signal(DRAIN, lambda *_: told.set())
    try:
        watching = end_with_supervisor(0.01, ours, ends.append, grace=0.01)
        assert not told.wait(0.1)
        os.close(theirs)
        watching.join(PATIENCE)
        assert told.wait(PATIENCE)
    finally:
        signal.signal(DRAIN, before)
        os.close(ours)
    assert ends == [os.EX_TEMPFAIL]


def test_connectors_say_whether_several_workers_can_share_them() -> None:
    connectors = InstalledConnectors()
    shared = {name for name in connectors if isinstance(connectors[name], module.Shared)}
    assert shared == {"kafka", "redis_streams"}
