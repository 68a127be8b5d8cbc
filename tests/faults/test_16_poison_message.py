"""Row 16: a message at which encoder or decoder fails becomes a dead letter, and its neighbours go on."""

from __future__ import annotations

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.payloads import DAMAGED_EVERY
from tests.faults.poison import DECODER, DEFECT, ENCODER, is_poison, judge_letters

EVERYWHERE = [("kafka-kafka", "at_least_once"), ("redis-redis", "exactly_once"), ("kafka-redis", "at_least_once")]


@pytest.mark.parametrize(("route", "delivery"), cases(("kafka-kafka", "exactly_once"), full=EVERYWHERE))
async def test_messages_that_cannot_be_encoded_are_kept_and_the_others_pass(
    chaos: Chaos, route: str, delivery: str
) -> None:
    async with chaos.scenario(route, delivery=delivery, dead_letters=True, max_copies=0) as run:
        run.plan("poison")
        worker = await run.start(patch=ENCODER)
        await run.send(4000)
        await run.load(1500)
        await run.moved(5500)
        await worker.logged(f"a dead letter: BrokenCodecError: {DEFECT}")
        run.happened("poison")
        await run.recovered("poison")
        notes = await judge_letters(run, lambda _, message: is_poison(message))
        assert {(note.direction, note.error) for note in notes} == {("encode", "BrokenCodecError")}
        assert all(note.reason.startswith(DEFECT) for note in notes)
        assert "a defect" not in worker.log, "the text of a foreign error may hold a piece of the message"


@pytest.mark.parametrize(("route", "delivery"), cases(("redis-redis", "exactly_once"), full=EVERYWHERE))
async def test_frames_that_are_damaged_or_cannot_be_decoded_are_kept_and_the_others_pass(
    chaos: Chaos, route: str, delivery: str
) -> None:
    options = {"direction": "decode", "dead_letters": True, "damaged": True, "max_copies": 0}
    async with chaos.scenario(route, delivery=delivery, **options) as run:
        run.plan("poison")
        worker = await run.start(patch=DECODER)
        await run.send(4000)
        await run.load(1500)
        await run.moved(5500)
        await worker.logged(f"a dead letter: BrokenCodecError: {DEFECT}")
        await worker.logged("a dead letter: CorruptFrameError")
        run.happened("poison")
        await run.recovered("poison")
        notes = await judge_letters(run, lambda number, message: _is_damaged(number) or is_poison(message))
        errors = [note.error for note in notes]
        assert set(errors) == {"BrokenCodecError", "CorruptFrameError"}
        assert {note.direction for note in notes} == {"decode"}


def _is_damaged(number: int) -> bool:
    return number % DAMAGED_EVERY == DAMAGED_EVERY // 3
