"""Row 17: while dead letters cannot be written, what they stand among is not settled, and nothing is dropped."""

from __future__ import annotations

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.toolbox import refuses

PATCHES = "tests.faults.patches:cannot_encode_some,tests.faults.patches:lose_the_place_of_dead_letters"


@pytest.mark.parametrize("route", cases("kafka-kafka", full=["redis-redis"]))
async def test_nothing_is_written_past_a_dead_letter_that_has_no_place(chaos: Chaos, route: str) -> None:
    """The output answers all the while."""
    async with chaos.scenario(route, dead_letters=True) as run:
        run.plan("no place for dead letters")
        worker = await run.start(patch=PATCHES)
        await run.load(2500)
        await worker.logged("the place of dead letters is unavailable")
        _, stood = await run.counts()
        await run.hold(6)
        assert (await run.counts())[1] == stood, "something was written past a dead letter"
        await worker.logged("the place of dead letters is available again")
        run.happened("no place for dead letters")
        await run.recovered("no place for dead letters")
        await run.moved(4000)
        run.expect("dead letters", lambda verdict: verdict.dead >= 5)


@pytest.mark.parametrize("route", cases("redis-redis", full=["kafka-kafka"]))
async def test_nothing_is_dropped_while_output_and_dead_letters_are_away(chaos: Chaos, route: str) -> None:
    async with chaos.scenario(route, delivery="exactly_once", dead_letters=True) as run:
        await run.start(patch="tests.faults.patches:cannot_encode_some")
        await run.load(2500)
        await run.moved(2000)
        async with run.fault("output and dead letters refused", refuses(run.output.proxy)):
            await run.hold(30)
        await run.moved(3000)
        run.expect("dead letters", lambda verdict: verdict.dead >= 5)
