"""Messages that the codec fails at, as a defect would that they uncover; and what has to become of them.

`run.start(patch="tests.faults.poison:encoder")`, or `:decoder`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aura_stream.codec import HybridCodec
from aura_stream.model import Note
from tests.faults.ledger import Ledger
from tests.faults.outlets import Arrived, outlet_of
from tests.faults.payloads import timestamp
from tests.faults.plan import Place, Plan
from tests.faults.scenario import Scenario

RARE = 397  # one message in so many, by its checksum
ENCODER, DECODER = "tests.faults.poison:encoder", "tests.faults.poison:decoder"
DEFECT = "the codec failed with ArithmeticError"

Which = tuple[int, int]  # lane and number
Wanted = Callable[[int, bytes], bool]  # given the number and the message


def is_poison(message: bytes) -> bool:
    """Tell whether the patched codec fails at this message."""
    return len(message) > 20 and zlib.crc32(message) % RARE == 1


def encoder() -> None:
    """Let the encoder fail at some messages."""
    encode_batch = HybridCodec.encode_batch

    def failing(self: HybridCodec, messages: Sequence[bytes]) -> Any:
        if any(map(is_poison, messages)):
            raise ArithmeticError("a defect")
        return encode_batch(self, messages)

    HybridCodec.encode_batch = failing  # type: ignore[method-assign, assignment]


def decoder() -> None:
    """Let the decoder fail at the frames of some messages."""
    decode = HybridCodec.decode

    def failing(self: HybridCodec, frame: bytes) -> Any:
        message = decode(self, frame)
        if is_poison(message):
            raise ArithmeticError("a defect")
        return message

    HybridCodec.decode = failing  # type: ignore[method-assign, assignment]


async def judge_letters(run: Scenario, wanted: Wanted) -> Sequence[Note]:
    """Drain the run; see that these messages and no others are dead letters, each with a note of its own place.

    Returns the notes.
    """
    await run.drain()
    plan = Plan.load(str(run.plan_file))
    expected = set(_sent(plan, wanted))
    notes = {}
    assert plan.dead is not None
    async for letters in outlet_of(plan.dead).read({}):
        for letter in letters:
            which, note = _note_of(letter, plan.source)
            notes[which] = note
    assert expected
    assert set(notes) == expected
    run.expect(f"{len(expected)} dead letters", lambda verdict: verdict.dead == len(expected))
    run.result.notes["dead letters"] = len(expected)
    return list(notes.values())


def _sent(plan: Plan, wanted: Wanted) -> Iterator[Which]:
    """Yield those messages that the input has acknowledged and that are wanted."""
    for lane, length in enumerate(Ledger.read(plan.ledger, plan.traffic.lanes)):
        for number in range(length):
            if wanted(number, plan.traffic.payload(lane, number)):
                yield lane, number


def _note_of(letter: Arrived, source: Place) -> tuple[Which, Note]:
    note = Note.from_bytes(letter.note or b"")
    assert note is not None
    assert letter.which is not None
    lane, number = letter.which
    if source.kind == "kafka":
        place = (source.names[0], lane, str(number))
    else:
        place = (source.names[lane], 0, f"{timestamp(number)}-0")
    assert (note.topic, note.partition, note.position) == place
    assert note.codebook
    return letter.which, note
