"""A signal drains, a second one forces, and the end tells what is left over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Iterator

import pytest

from aura_stream.errors import NotDrainedError
from aura_stream.runtime import lifecycle, run_until_stopped
from tests.unit.runtime.engine import PATIENCE, Engine, eventually, numbered


async def _running(engine: Engine, drain_timeout: float = PATIENCE) -> asyncio.Task[None]:
    task = asyncio.create_task(run_until_stopped(engine.worker, drain_timeout))
    await asyncio.sleep(0)  # the handlers stand
    return task


def _send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_nothing_is_left(number: signal.Signals) -> None:
    engine = Engine(once=False, max_messages=10)
    engine.write(numbered(15))
    engine.sink.held.clear()
    task = await _running(engine)
    await eventually("a publish", lambda: engine.sink.publishes == 1)
    _send(number)
    await asyncio.sleep(0.05)  # the handler runs
    engine.sink.held.set()
    await asyncio.wait_for(task, PATIENCE)
    assert engine.worker.statistics.in_flight == 0
    assert engine.settled() == engine.worker.statistics.fetched == len(engine.written())


async def test_a_second_signal_forces_and_tells_how_many_are_left() -> None:
    engine = Engine(once=False, max_messages=10)
    engine.write(numbered(10))
    engine.sink.held.clear()
    task = await _running(engine)
    await eventually("a publish", lambda: engine.sink.publishes == 1)
    _send(signal.SIGTERM)
    await asyncio.sleep(0.05)
    assert not task.done()
    _send(signal.SIGTERM)
    with pytest.raises(NotDrainedError, match="10 messages not settled") as caught:
        await asyncio.wait_for(task, PATIENCE)
    assert caught.value.messages == 10
    assert engine.settled() == 0
    assert (engine.source.stopped, engine.sink.stopped) == (1, 1)


async def test_the_deadline_forces_too() -> None:
    engine = Engine(once=False)
    engine.write(numbered(10))
    engine.sink.hook = lambda: setattr(engine.sink, "away", True)
    task = await _running(engine, drain_timeout=0.1)
    await eventually("a publish", lambda: engine.sink.publishes > 0)
    _send(signal.SIGTERM)
    with pytest.raises(NotDrainedError):
        await asyncio.wait_for(task, PATIENCE)


async def test_forced_with_nothing_in_flight_nothing_is_left() -> None:
    engine = Engine(once=False)
    stop, entered = engine.source.stop, asyncio.Event()

    async def hang() -> None:
        await stop()
        entered.set()
        await asyncio.sleep(60)

    engine.source.stop = hang  # type: ignore[method-assign]
    task = await _running(engine)
    _send(signal.SIGTERM)
    await asyncio.wait_for(entered.wait(), PATIENCE)
    _send(signal.SIGTERM)
    await asyncio.wait_for(task, PATIENCE)


async def test_the_end_of_once_needs_no_signal() -> None:
    engine = Engine()
    engine.write(numbered(10))
    await asyncio.wait_for(await _running(engine), PATIENCE)
    assert engine.settled() == 10


async def test_being_cancelled_from_outside_is_no_drain() -> None:
    engine = Engine(once=False)
    task = await _running(engine)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_worker_that_swallows_cancellations_is_cancelled_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As redis-py does on Python 3.11, in a time-out of its own."""
    monkeypatch.setattr(lifecycle, "INSIST", 0.02)
    engine = Engine(once=False)
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        for _ in range(3):
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.sleep(PATIENCE)

    engine.worker.run = deaf  # type: ignore[method-assign]
    task = await _running(engine)
    await asyncio.sleep(0)
    _send(signal.SIGTERM)
    await asyncio.sleep(0.05)
    _send(signal.SIGTERM)
    await eventually("enough cancellations", lambda: swallowed == 3)
    await asyncio.wait_for(task, PATIENCE)


async def test_a_worker_that_never_ends_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left: list[int] = []
    monkeypatch.setattr(lifecycle, "INSIST", 0.02)
    monkeypatch.setattr(lifecycle, "LAST_RESORT", 0.1)
    engine, deaf_until = Engine(once=False), asyncio.Event()

    def leave(code: int) -> None:
        left.append(code)
        deaf_until.set()

    async def deaf() -> None:
        while not deaf_until.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await deaf_until.wait()

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    engine.worker.run = deaf  # type: ignore[method-assign]
    task = await _running(engine, drain_timeout=0.01)
    await asyncio.sleep(0)
    _send(signal.SIGTERM)
    await asyncio.wait_for(task, PATIENCE)
    assert left[0] == 75
    assert "it does not end" in caplog.text


@pytest.fixture
def _usual_signals() -> Iterator[None]:
    """Put back what a supervised worker leaves ignored at its end, where its process would end."""
    yield
    for number in (lifecycle.DRAIN, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


async def _supervised(engine: Engine) -> asyncio.Task[None]:
    task = asyncio.create_task(run_until_stopped(engine.worker, PATIENCE, supervised=True))
    await asyncio.sleep(0)
    return task


@pytest.mark.usefixtures("_usual_signals")
async def test_a_supervisor_and_the_init_system_may_both_say_that_it_is_to_drain() -> None:
    engine = Engine(once=False, max_messages=10)
    engine.write(numbered(10))
    engine.sink.held.clear()
    task = await _supervised(engine)
    await eventually("a publish", lambda: engine.sink.publishes == 1)
    for number in (lifecycle.DRAIN, signal.SIGTERM, lifecycle.DRAIN):
        _send(number)
        await asyncio.sleep(0.05)
    assert not task.done()
    engine.sink.held.set()
    await asyncio.wait_for(task, PATIENCE)
    assert engine.settled() == 10
    for number in (lifecycle.DRAIN, signal.SIGTERM):
        _send(number)  # too late: it does not hide how the worker ended


@pytest.mark.usefixtures("_usual_signals")
async def test_a_supervisor_can_force() -> None:
    engine = Engine(once=False, max_messages=10)
    engine.write(numbered(10))
    engine.sink.held.clear()
    task = await _supervised(engine)
    await eventually("a publish", lambda: engine.sink.publishes == 1)
    _send(lifecycle.FORCE)
    with pytest.raises(NotDrainedError, match="10 messages not settled"):
        await asyncio.wait_for(task, PATIENCE)


async def test_a_deadline_that_was_not_needed_leaves_no_timer_behind() -> None:
    engine = Engine(once=False)
    task = await _running(engine, drain_timeout=3600.0)
    _send(signal.SIGTERM)
    await asyncio.wait_for(task, PATIENCE)
    waiting = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    assert "force" not in repr(waiting)
