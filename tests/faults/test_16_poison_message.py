"""Row 16: a message at which encoder or decoder fails becomes a dead letter, and its neighbours go on."""

from __future__ import annotations

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases

EVERYWHERE = [("kafka-kafka", "at_least_once"), ("redis-redis", "exactly_once")]


@pytest.mark.parametrize(
    ("route", "delivery"), cases(("kafka-redis", "at_least_once"), ("kafka-kafka", "exactly_once"), full=EVERYWHERE)
)
async def test_messages_that_cannot_be_encoded_are_kept_and_the_others_pass(
    chaos: Chaos, route: str, delivery: str
) -> None:
    async with chaos.scenario(route, delivery=delivery, dead_letters=True) as run:
        run.plan("poison")
        worker = await run.start(patch="tests.faults.patches:cannot_encode_some")
        await run.load(2500)
        await run.moved(5000)
        await worker.logged("a dead letter: BrokenCodecError: the codec failed with ArithmeticError")
        run.happened("poison")
        await run.recovered("poison")
        run.expect("dead letters", lambda verdict: verdict.dead >= 5)


@pytest.mark.parametrize(
    ("route", "delivery"), cases(("redis-kafka", "at_least_once"), ("redis-redis", "exactly_once"), full=EVERYWHERE)
)
async def test_frames_that_cannot_be_decoded_are_kept_and_the_others_pass(
    chaos: Chaos, route: str, delivery: str
) -> None:
    async with chaos.scenario(route, delivery=delivery, direction="decode", dead_letters=True, damaged=True) as run:
        run.plan("poison")
        worker = await run.start()
        await run.load(2500)
        await run.moved(5000)
        await worker.logged("a dead letter: CorruptFrameError")
        run.happened("poison")
        await run.recovered("poison")
        run.expect("dead letters", lambda verdict: verdict.dead >= 5)
