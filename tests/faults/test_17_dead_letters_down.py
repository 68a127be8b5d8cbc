"""Row 17: while a dead letter cannot be written, what it stands among is not settled, and nothing is dropped."""

from __future__ import annotations

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.outlets import outlet_of
from tests.faults.plan import Plan
from tests.faults.poison import ENCODER, is_poison, judge_letters
from tests.faults.scenario import Scenario
from tests.faults.transit import transit_behind, writes_to


@pytest.mark.parametrize(
    ("route", "delivery"),
    cases(
        ("kafka-kafka", "at_least_once"),
        ("redis-redis", "at_least_once"),
        full=[("kafka-kafka", "exactly_once"), ("redis-redis", "exactly_once")],
    ),
)
async def test_nothing_goes_past_a_dead_letter_that_has_no_place(chaos: Chaos, route: str, delivery: str) -> None:
    """Only what is written there meets a connection that closes; the output itself answers."""
    async with (
        chaos.scenario(route, delivery=delivery, dead_letters=True, large=0) as run,
        transit_behind(run.output) as transit,
    ):
        plan = Plan.load(str(run.plan_file))
        assert plan.dead is not None
        worker = await run.start(patch=ENCODER)
        await run.send(3500)
        await run.caught_up()
        said = len(worker.log)
        what = "the place of dead letters" if delivery == "at_least_once" else "the output"
        dead = writes_to(".dead", plan.dead.kind)
        async with run.fault("no place for dead letters", transit.cuts(dead)):
            await run.load(800)
            await worker.logged(f"{what} is unavailable", said)
            stood = await _standing(run, plan)
            await run.hold(30, 1.5)
            assert await _standing(run, plan) == stood, "something went past a dead letter"
        await worker.logged(f"{what} is available again", said)
        await run.moved(500)
        await judge_letters(run, lambda _, message: is_poison(message))


async def _standing(run: Scenario, plan: Plan) -> list[int]:
    """Return how many messages stand in the output and among the dead letters, once nothing is on its way any more.

    Read, not counted by offsets: what ends an aborted transaction has one too.
    """
    assert plan.dead is not None
    outlets = [outlet_of(plan.output), outlet_of(plan.dead)]
    found: list[int] = []

    async def nothing_came() -> bool:
        nonlocal found
        await run.hold(1, 0.3)
        before, found = found, [sum([len(part) async for part in each.read({})]) for each in outlets]
        return found == before

    await run.until("nothing on its way", nothing_came)
    return found
