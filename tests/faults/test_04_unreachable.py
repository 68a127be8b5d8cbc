"""Row 4: a server that is unreachable is waited for, whichever way it is unreachable."""

from __future__ import annotations

import random

import pytest

from tests.faults.chaos import FULL, Chaos
from tests.faults.toolbox import blackholes, refuses, resets

RUNS = [("kafka-kafka", "at_least_once")]
RUNS += [("redis-redis", "at_least_once"), ("kafka-kafka", "exactly_once")] if FULL else []
RUNS += [("redis-redis", "exactly_once")] if FULL else []
RUNS += [("kafka-redis", "at_least_once"), ("redis-kafka", "at_least_once")] if FULL else []


@pytest.mark.parametrize(("route", "delivery"), RUNS)
async def test_messages_flow_again_after_a_side_was_unreachable(chaos: Chaos, route: str, delivery: str) -> None:
    sides = ["input", "output"]
    random.Random(chaos.seed).shuffle(sides)
    async with chaos.scenario(route, delivery=delivery) as run:
        worker = await run.start()
        await run.send(3000)
        await run.load(500)
        await run.moved(1000)
        for side in sides:
            proxy = (run.source if side == "input" else run.output).proxy
            for way in (resets, refuses):  # clients bridge what is short by themselves
                async with run.fault(f"{side} {way.__name__}", way(proxy)):
                    await run.hold(30, 2)
            said = len(worker.log)
            async with run.fault(f"{side} blackholes", blackholes(proxy)):
                await worker.logged("unavailable, trying again", said)
                await run.hold(30, 0)
            await worker.logged("available again", said)
