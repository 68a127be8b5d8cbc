"""Row 2: SIGTERM drains; what cannot be drained is said, and comes again."""

from __future__ import annotations

import re
from signal import SIGTERM

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.toolbox import refuses


@pytest.mark.parametrize("route", cases("kafka-kafka", full=["redis-redis"]))
async def test_under_load_it_drains_with_exit_0_and_nothing_comes_twice(chaos: Chaos, route: str) -> None:
    async with chaos.scenario(route, max_copies=0) as run:
        run.plan("SIGTERM", 3)
        await run.send(3000)
        await run.load(1000)
        for _ in range(3):
            worker = await run.start()
            await run.moved(1000)
            worker.send(SIGTERM)
            run.happened("SIGTERM", await worker.ended() == 0)
            assert re.search(r"draining \d+ messages", worker.log)
        await run.start()
        await run.recovered("SIGTERM")


@pytest.mark.parametrize("route", cases("redis-redis", full=["kafka-kafka"]))
async def test_with_the_output_down_it_says_how_many_remain_and_exits_75(chaos: Chaos, route: str) -> None:
    async with chaos.scenario(route, config={"drain_timeout": "2s"}) as run:
        worker = await run.start()
        await run.send(4000)
        await run.load(500)
        await run.moved(1000)
        async with run.fault("SIGTERM while the output is down", refuses(run.output.proxy), recovers=False):
            await worker.logged("the output is unavailable")
            worker.send(SIGTERM)
            assert await worker.ended() == 75
            assert re.search(r"error: stopped with [1-9]\d* messages not settled; they will come again", worker.log)
        await run.start()
        await run.recovered("SIGTERM while the output is down")
