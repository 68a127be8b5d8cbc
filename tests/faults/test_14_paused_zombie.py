"""Row 14: a worker that stood still for longer than its session finds its partitions gone, and changes nothing."""

from __future__ import annotations

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.toolbox import paused

SHORT = {"kafka": {"session_timeout": "2s"}, "redis_streams": {"lease": "1s"}}


@pytest.mark.parametrize(
    ("route", "delivery"),
    cases(
        ("kafka-kafka", "exactly_once"),
        ("redis-redis", "exactly_once"),
        full=[("kafka-kafka", "at_least_once"), ("redis-redis", "at_least_once")],
    ),
)
async def test_a_worker_that_wakes_up_behind_its_successor_settles_nothing(
    chaos: Chaos, delivery: str, route: str
) -> None:
    async with chaos.scenario(route, delivery=delivery) as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        zombie = await run.start()
        await run.load(2500)
        await run.moved(2000)
        async with run.fault("a paused worker", paused(zombie), recovers=False):
            await run.start()
            await run.moved(3000)  # by the other one, which took over
        await run.recovered("a paused worker")
        assert zombie.running
