"""A run leaves nothing behind: no task, no thread, no descriptor, whatever happened in it."""

from __future__ import annotations

import asyncio
import gc
import threading

import psutil

from aura_stream.runtime import run_until_stopped
from aura_stream.runtime.limiter import Rates
from aura_stream.runtime.watchdog import watched
from tests.unit.runtime.engine import Engine, eventually, finish, numbered


async def _run_with_outages() -> None:
    """One run through outages of both sides, watched and limited, that ends by being told to stop."""
    engine = Engine(once=False, rates=Rates(1e6, 1e6))  # type: ignore[arg-type]
    engine.write(numbered(10))
    engine.sink.hook = lambda: setattr(engine.sink, "away", engine.sink.publishes < 3)
    with watched(20.0, engine.worker.statistics):
        running = asyncio.create_task(run_until_stopped(engine.worker, 60.0))
        await eventually("all that was written", lambda: engine.settled() == 10)
        engine.source.away = True
        side = engine.worker.statistics.side("the input")
        await eventually("an outage of the input", lambda: side.failures > 2)
        engine.source.away = False
        engine.write(numbered(5))
        await eventually("the rest", lambda: engine.settled() == 15)
        engine.worker.stop()
        await finish(running)


async def _run_that_is_cut_short() -> None:
    engine = Engine(once=False)
    engine.write(numbered(10))
    engine.sink.held.clear()
    with watched(20.0, engine.worker.statistics):
        running = asyncio.create_task(run_until_stopped(engine.worker, 60.0))
        await eventually("a publish", lambda: engine.sink.publishes > 0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_runs_leave_no_tasks_threads_or_descriptors_behind() -> None:
    this = psutil.Process()
    await _run_with_outages()  # what is made once in a process
    descriptors, threads = this.num_fds(), threading.active_count()
    for _ in range(3):
        await _run_with_outages()
        await _run_that_is_cut_short()
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (this.num_fds(), threading.active_count()) == (descriptors, threads)
