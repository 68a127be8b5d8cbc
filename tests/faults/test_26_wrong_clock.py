"""Row 26: a clock that is an hour wrong lets nothing expire, neither early nor never."""

from __future__ import annotations

from signal import SIGKILL

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases


@pytest.mark.parametrize("route", cases("redis-redis", full=["kafka-kafka"]))
async def test_workers_whose_clocks_are_hours_apart_hand_over_as_ever(chaos: Chaos, route: str) -> None:
    async with chaos.scenario(route, store="redis", delivery="exactly_once") as run:
        run.plan("wrong clocks", 2)
        await run.load(2000)
        for patch in ("an_hour_ahead", "an_hour_behind"):
            worker = await run.start(patch=f"tests.faults.patches:{patch}")
            await run.moved(1500)
            other = await run.start()  # its clock is right
            await run.moved(1500)
            assert "is lost" not in worker.log + other.log
            worker.send(SIGKILL)
            await worker.ended()
            run.happened("wrong clocks")
            await run.recovered("wrong clocks")
