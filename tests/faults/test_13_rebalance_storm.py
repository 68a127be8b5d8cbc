"""Row 13: workers join and leave every few seconds, and messages go on through all of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from signal import SIGKILL, SIGTERM

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.scenario import Scenario
from tests.faults.telling import IN_FIGURES, last

SHORT = {"kafka": {"session_timeout": "2s"}, "redis_streams": {"lease": "2s"}}
LANES = 6
WORKERS = {False: (2, 4), True: (3, 6)}  # at a time, scaled down and in full
STANDSTILL = 30.0  # seconds in which something moves


@pytest.mark.parametrize(
    ("route", "delivery"),
    cases(
        ("kafka-kafka", "exactly_once"),
        ("redis-redis", "exactly_once"),
        full=[("kafka-kafka", "at_least_once"), ("redis-redis", "at_least_once")],
    ),
)
async def test_messages_go_on_while_workers_come_and_go(chaos: Chaos, delivery: str, route: str) -> None:
    chance = random.Random(chaos.seed)
    least, most = WORKERS[chaos.full]
    moves = 30 if chaos.full else 6
    async with chaos.scenario(route, delivery=delivery, lanes=LANES, config=IN_FIGURES, large=0) as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        for _ in range(least):
            await run.start()
        await run.send(4000)
        await run.load(1500)
        await run.moved(500)
        run.plan("joins and leaves", moves)
        async with _never_at_a_standstill(run):
            for _ in range(moves):
                await _one_joins_or_leaves(run, chance, least, most)
                await run.hold(chance.uniform(2, 5))
            await run.recovered("joins and leaves")
        await run.drain()
        rebalances = [count for worker in run.workers if (count := last(worker, "rebalances"))]
        run.result.notes["rebalances"] = sum(rebalances)
        assert max(rebalances) > 1
        assert len(rebalances) > 1, "one worker had everything"


async def _one_joins_or_leaves(run: Scenario, chance: random.Random, least: int, most: int) -> None:
    there = len(run.running)
    if there == least or (there < most and chance.random() < 0.5):
        await run.start()
        run.happened("joins and leaves")
        return
    leaves = chance.choice(run.running)
    how = SIGKILL if chance.random() < 0.3 else SIGTERM
    leaves.send(how)
    run.happened("joins and leaves", await leaves.ended() in (0, -how))


@asynccontextmanager
async def _never_at_a_standstill(run: Scenario) -> AsyncIterator[None]:
    """Note the longest time in which nothing came to the output while messages kept coming, and bound it."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        moved, then = -1, time.monotonic()
        while True:
            _, arrived = await run.counts()
            if arrived != moved:
                moved, then = arrived, time.monotonic()
            longest = max(longest, time.monotonic() - then)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    run.result.notes["longest standstill"] = round(longest, 2)
    assert longest < STANDSTILL
