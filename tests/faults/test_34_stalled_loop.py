"""Row 34: an event loop that stands still is noticed by a thread; a process that stays so ends, and loses nothing."""

from __future__ import annotations

import os

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.patches import WATCHDOG
from tests.faults.telling import IN_FIGURES, last

SHORT = {"kafka": {"session_timeout": "2s"}, "redis_streams": {"lease": "1s"}}
LONG = {"kafka": {"session_timeout": "30s"}, "redis_streams": {"lease": "30s"}}  # longer than a stall that passes
WATCHED = {"watchdog": f"{WATCHDOG:g}s"}


@pytest.mark.parametrize(
    ("route", "delivery"),
    cases(
        ("kafka-kafka", "exactly_once"),
        full=[("redis-redis", "at_least_once"), ("redis-redis", "exactly_once"), ("kafka-kafka", "at_least_once")],
    ),
)
async def test_a_stalled_loop_is_noticed_and_the_next_worker_goes_on(chaos: Chaos, route: str, delivery: str) -> None:
    async with chaos.scenario(route, delivery=delivery, config=WATCHED) as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        run.plan("stall")
        worker = await run.start(patch="tests.faults.patches:stand_still")
        await run.send(4000)
        await run.load(1000)
        assert await worker.ended() == os.EX_TEMPFAIL
        assert "the event loop stands still" in worker.log
        assert "ending the process, to be started anew" in worker.log
        assert "call_later" in worker.log or "run_forever" in worker.log, "where it stands"
        run.happened("stall")
        await run.start()
        await run.recovered("stall")
        await run.moved(500)


@pytest.mark.parametrize("route", cases("redis-redis", full=["kafka-kafka"]))
async def test_a_stall_that_passes_is_told_and_counted_and_the_same_worker_goes_on(chaos: Chaos, route: str) -> None:
    async with chaos.scenario(route, config=WATCHED | IN_FIGURES, max_copies=0) as run:
        run.config["input"] |= {kind: given | LONG[kind] for kind, given in run.config["input"].items()}
        run.plan("stall")
        worker = await run.start(patch="tests.faults.patches:stand_still_briefly")
        await run.send(4000)
        await run.load(1000)
        await worker.logged("the event loop stands still")
        await worker.logged("the event loop moves again")
        run.happened("stall")
        await run.recovered("stall")
        await run.moved(500)
        await run.drain()
        assert last(worker, "stalls") >= 1
