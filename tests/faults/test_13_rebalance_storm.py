"""Row 13: workers join and leave every few seconds, and messages go on through all of it."""

from __future__ import annotations

import random
from signal import SIGKILL, SIGTERM

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases

SHORT = {"kafka": {"session_timeout": "2s"}, "redis_streams": {"lease": "2s"}}
LANES = 4
LEAST, MOST = 2, 5  # workers at a time


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
    moves = 30 if chaos.full else 6
    async with chaos.scenario(route, delivery=delivery, lanes=LANES) as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        for _ in range(LEAST):
            await run.start()
        await run.load(2000)
        await run.moved(500)
        run.plan("joins and leaves", moves)
        for _ in range(moves):
            there = len(run.running)
            if there == LEAST or (there < MOST and chance.random() < 0.5):
                await run.start()
                run.happened("joins and leaves")
            else:
                leaves = chance.choice(run.running)
                how = SIGKILL if chance.random() < 0.3 else SIGTERM
                leaves.send(how)
                run.happened("joins and leaves", await leaves.ended() in (0, -how))
            await run.hold(chance.uniform(2, 5))
            await run.moved(1)  # progress, while it storms
        await run.recovered("joins and leaves")
