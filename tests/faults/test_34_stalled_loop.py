"""Row 34: an event loop that stands still is noticed by a thread; a process that stays so ends, and loses nothing."""

from __future__ import annotations

import os

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases

SHORT = {"kafka": {"session_timeout": "2s"}, "redis_streams": {"lease": "1s"}}


@pytest.mark.parametrize(
    ("route", "delivery"), cases(("redis-redis", "at_least_once"), full=[("kafka-kafka", "exactly_once")])
)
async def test_a_stalled_loop_is_noticed_and_the_next_worker_goes_on(chaos: Chaos, route: str, delivery: str) -> None:
    async with chaos.scenario(route, delivery=delivery, config={"watchdog": "1s"}) as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        run.plan("stall")
        worker = await run.start(patch="tests.faults.patches:stand_still")
        await run.load(2500)
        assert await worker.ended() == os.EX_TEMPFAIL
        assert "the event loop stands still" in worker.log
        assert "time.sleep" in worker.log or "call_later" in worker.log or "run_forever" in worker.log
        run.happened("stall")
        await run.start()
        await run.recovered("stall")
        await run.moved(3000)


async def test_a_stall_that_passes_is_told_and_the_same_worker_goes_on(chaos: Chaos) -> None:
    config = {"watchdog": "3s", "input": {"kafka": {"session_timeout": "30s"}}}
    async with chaos.scenario("kafka-kafka", config=config, max_copies=0) as run:
        run.plan("stall")
        worker = await run.start(patch="tests.faults.patches:stand_still")
        await run.load(2500)
        await worker.logged("the event loop stands still")
        await worker.logged("the event loop moves again")
        run.happened("stall")
        await run.recovered("stall")
        await run.moved(3000)
