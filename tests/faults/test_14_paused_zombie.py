"""Row 14: a worker that stood still for longer than its session is fenced, drops what it holds, and settles nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping
from signal import SIGCONT

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.killable import points_of
from tests.faults.plan import Plan
from tests.faults.processes import Worker
from tests.faults.scenario import Scenario
from tests.infra.kafka.tools import committed_of

SHORT = {"kafka": {"session_timeout": "1s"}, "redis_streams": {"lease": "1s"}}
PASSES = 3, 6  # of the point before it stands still; the first transactions of two lanes hold no messages yet

FENCED = ("left to their new owner", "left to another member", "messages in flight of", "which was committed elsewhere")


@pytest.mark.parametrize(
    ("route", "delivery"),
    cases(
        ("kafka-kafka", "exactly_once"),
        ("kafka-kafka", "at_least_once"),
        ("redis-redis", "exactly_once"),
        full=[("redis-redis", "at_least_once")],
    ),
)
async def test_a_worker_that_wakes_up_behind_its_successor_settles_nothing(
    chaos: Chaos, delivery: str, route: str
) -> None:
    chance = random.Random(f"{chaos.seed} {route} {delivery}")
    points = [point for point in points_of(route, delivery) if not point.startswith(("amid", "after_settle"))]
    async with chaos.scenario(route, delivery=delivery, large=0) as run:
        run.config["input"] |= {kind: given | SHORT[kind] for kind, given in run.config["input"].items()}
        run.plan("paused worker", 4 if chaos.full else 1)
        await run.load(2500)
        for point in chance.choices(points, k=run.planned["paused worker"]):
            await _one_stands_still(run, f"{point}_{chance.randint(*PASSES)}")
        await run.moved(2000)


async def _one_stands_still(run: Scenario, point: str) -> None:
    """Let a worker stand still with messages in its hands, another one take over, and the first one wake up."""
    for worker in run.running:
        worker.close()
    zombie = await run.start(patch=f"tests.faults.zombies:{point}")

    async def stands_still() -> bool:
        return zombie.process.status() == "stopped"

    await run.until(f"it stands still at {point}", stands_still)
    await run.start()
    await run.moved(2000)  # by the other one, which took over
    settled, said = await _settled(run), len(zombie.log)
    zombie.send(SIGCONT)
    run.happened("paused worker")
    await run.until("it drops what is in its hands", lambda: _is_fenced(zombie, said))
    for place, position in (await _settled(run)).items():
        assert position >= settled[place], f"{place} went back"
    await run.recovered("paused worker")


async def _is_fenced(zombie: Worker, since: int) -> bool:
    assert zombie.running, zombie.log[-1500:]
    return any(text in zombie.log[since:] for text in FENCED)


async def _settled(run: Scenario) -> Mapping[int, int]:
    """Return the group's offset of each partition; of streams nothing, the server keeps no such position."""
    plan = Plan.load(str(run.plan_file))
    if plan.source.kind != "kafka":
        return {}
    return await committed_of(plan.source.address, run.config["input"]["kafka"]["group"], plan.source.names[0])
