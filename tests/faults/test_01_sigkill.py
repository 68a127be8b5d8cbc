"""Row 1: a worker that is killed at any point loses nothing, and repeats a batch at most."""

from __future__ import annotations

import random
from signal import SIGKILL

import pytest

from tests.faults.chaos import FULL, Chaos
from tests.faults.depth import cases
from tests.faults.killable import points_of
from tests.faults.scenario import MAX_MESSAGES

SHORT = {"kafka": {"session_timeout": "1s"}, "redis_streams": {"lease": "1s"}}  # how long the next one waits
PASSES = 6  # a point is passed so often at most before the kill


@pytest.mark.parametrize(
    ("route", "delivery"),
    cases(
        ("kafka-kafka", "exactly_once"),
        ("redis-redis", "at_least_once"),
        full=[("kafka-kafka", "at_least_once"), ("redis-redis", "exactly_once")],
    ),
)
async def test_a_worker_killed_at_each_point_loses_nothing_and_repeats_a_batch_at_most(
    chaos: Chaos, delivery: str, route: str
) -> None:
    chance = random.Random(chaos.seed)
    points = points_of(route, delivery)
    points = chance.sample(points, len(points))
    async with chaos.scenario(route, delivery=delivery) as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        run.plan("SIGKILL", len(points))
        await run.load(1000)
        for point in points:
            worker = await run.start(kill=f"{point}:{chance.randint(2, PASSES)}")
            run.happened("SIGKILL", await worker.ended() == -SIGKILL)
        await run.start()
        await run.recovered("SIGKILL")
        most = MAX_MESSAGES * len(points) if delivery == "at_least_once" else 0
        run.expect(f"at most {most} copies", lambda verdict: verdict.duplicated <= most)


@pytest.mark.parametrize("route", ["kafka-kafka", "redis-redis"] if FULL else ["kafka-kafka"])
async def test_a_killed_worker_of_a_fleet_is_started_anew_and_a_killed_fleet_has_a_successor(
    chaos: Chaos, route: str
) -> None:
    chance = random.Random(chaos.seed)
    async with chaos.scenario(route, delivery="exactly_once") as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        run.plan("SIGKILL of one of a fleet", 3)
        run.plan("SIGKILL of a fleet")
        fleet = await run.start("--workers", "2", processes=2)
        await run.send(4000)
        await run.load(500)
        await run.moved(500)
        for _ in range(3):
            said = len(fleet.log)
            chance.choice(fleet.process.children()).kill()
            await fleet.logged("starting it anew", said)
            run.happened("SIGKILL of one of a fleet")
            await run.recovered("SIGKILL of one of a fleet")
        fleet.send(SIGKILL)
        run.happened("SIGKILL of a fleet", await fleet.ended() == -SIGKILL)
        await run.start("--workers", "2", processes=2)
        await run.recovered("SIGKILL of a fleet")
