"""Row 1: a worker that is killed at any point loses nothing, and repeats a batch at most."""

from __future__ import annotations

import random
from signal import SIGKILL

import pytest

from tests.faults.chaos import Chaos
from tests.faults.killable import points_of
from tests.faults.scenario import MAX_MESSAGES

SHORT = {"kafka": {"session_timeout": "1s"}, "redis_streams": {"lease": "1s"}}  # how long the next one waits
PASSES = 6  # a point is passed so often at most before the kill


@pytest.mark.parametrize("route", ["kafka-kafka", "redis-redis"])
@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
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
        repeats = [point for point in points if point in ("amid_publish", "after_publish")]
        most = MAX_MESSAGES * len(repeats) if delivery == "at_least_once" else 0
        run.expect(f"at most {most} copies", lambda verdict: verdict.duplicated <= most)
