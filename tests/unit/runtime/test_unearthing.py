"""Dead letters come back as the messages they are, and are settled where they lie as far as everything before them is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import uuid4

import pytest
from aura_connectors.memory import MemoryBroker, connector
from aura_connectors.memory.options import MemorySinkOptions

from aura_stream.errors import UnavailableError
from aura_stream.model import Batch, Note, Partition, Topic
from aura_stream.ports import Context
from aura_stream.runtime.unearthing import LOOK_AGAIN, Plan, Unearthed
from tests.unit.runtime.engine import FailingSource

PLACE = Partition("in.dead")
MAX_BYTES = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def note(partition: int = 0, position: int = 0, topic: str = "in", attempts: int = 1) -> bytes:
    return Note("broken", "CorruptFrameError", "decode", topic, partition, str(position), 0.0, attempts).to_bytes()


class Grave:
    """A place for dead letters, with a source over it."""

    def __init__(self, notes: Sequence[bytes], end: int | None = None) -> None:
        self.broker_name = f"unearthing-{uuid4().hex[:8]}"
        self.broker = MemoryBroker.named(self.broker_name)
        self.clock = Clock()
        self.still: Collection[Partition] = ()
        self.bury(notes)
        output = MemorySinkOptions(broker=self.broker_name)
        self.inner = FailingSource(connector.unearthing(output, "{source}.dead", ["in"], "replay"), Context())
        ends = {PLACE: len(notes) - 1 if end is None else end}
        self.plan = Plan(ends, ends[PLACE] + 1, {"in.dead": "in"}, lambda each: each is not None and each.topic == "in")
        self.source = Unearthed(
            self.inner, connector.unmarked, self.plan, [Topic("in", 3)], self.still_there, self.clock
        )

    def bury(self, notes: Sequence[bytes]) -> None:
        values: list[bytes | None] = [b"message %d" % row for row in range(len(notes))]
        self.broker.append(PLACE, connector.marked(Batch(PLACE, values, range(len(notes))), notes).values)

    @property
    def settled(self) -> int:
        return self.broker.settled("replay", PLACE)

    async def still_there(self) -> Collection[Partition]:
        return self.still

    async def fetch(self, most: int = 100) -> list[Batch]:
        return await self.source.fetch(most, MAX_BYTES, 0.01)


async def test_messages_come_as_they_came_once_and_count_one_attempt_more() -> None:
    grave = Grave([note(2, 7, attempts=3), note(2, 9), note(1, 4)])
    assert await grave.source.start() == [Topic("in", 3)]
    first, second = await grave.fetch()
    assert (first.partition, list(first.positions), first.attempts) == (Partition("in", 2), ["7", "9"], [4, 2])
    assert (second.partition, list(second.positions), second.attempts) == (Partition("in", 1), ["4"], [2])
    assert list(first.values) == [b"message 0", b"message 1"]
    assert await grave.source.lag() == 3


async def test_what_is_buried_after_the_look_is_left_where_it_is() -> None:
    grave = Grave([note(), note(0, 1)])
    grave.bury([note(0, 5)])
    await grave.source.start()
    batches = await grave.fetch()
    assert [list(batch.positions) for batch in batches] == [["0", "1"]]
    await grave.source.settle(batches)
    assert await grave.source.finished()
    assert await grave.fetch() == []
    assert (grave.settled, grave.source.remaining) == (2, 0)


async def test_letters_of_others_come_as_they_lie_and_are_counted() -> None:
    grave = Grave([note(topic="other"), b"no note", note(0, 3), note(topic="other")], end=2)
    await grave.source.start()
    batches = await grave.fetch()
    aside = [grave.source.passes(batch) for batch in batches]
    assert aside[0] is batches[0]
    assert aside[1] is None
    assert len(batches[0]) == 2
    assert batches[0].partition == Partition("in"), "whose place it is"
    letters = grave.broker.topic("in.dead") or []
    assert list(batches[0].values) == list(letters[0].read_all()[0].values[:2])
    await grave.source.settle(batches)
    assert (grave.source.laid_aside, grave.settled, await grave.source.finished()) == (2, 3, True)


async def test_a_place_is_settled_as_far_as_everything_before_is() -> None:
    grave = Grave([note(0), note(0, 1), note(1), note(0, 2)])
    await grave.source.start()
    first, second, third = await grave.fetch()
    await grave.source.settle([second])  # the first waits for a template, say
    assert (grave.settled, grave.source.remaining) == (0, 3)
    await grave.source.settle([first.part(0, 1)])
    assert grave.settled == 1
    assert not await grave.source.finished()
    await grave.source.settle([first.part(1, 2)])
    assert grave.settled == 3
    await grave.source.settle([third])
    assert (grave.settled, await grave.source.finished()) == (4, True)


async def test_settling_may_fail_and_be_asked_for_again() -> None:
    grave = Grave([note(), note(1)])
    await grave.source.start()
    batches = await grave.fetch()
    grave.inner.away = True
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await grave.source.settle(batches)
    grave.inner.away = False
    await grave.source.settle(batches)
    assert (grave.settled, grave.source.remaining) == (2, 0)


async def test_what_was_taken_over_is_not_ours_and_comes_again_at_its_new_owner() -> None:
    grave = Grave([note(), note(0, 1), note(1)])
    await grave.source.start()
    batches = await grave.fetch()
    await grave.source.settle([batches[1]])
    grave.broker.join("replay")
    assert not any(map(grave.source.owns, batches))
    assert await grave.fetch() == []
    assert not await grave.source.finished()
    assert grave.source.remaining == 3
    assert grave.settled == 0
    await grave.inner.start()  # assigned to us again
    again = await grave.fetch()
    assert [list(batch.positions) for batch in again] == [["0", "1"], ["0"]]
    assert all(map(grave.source.owns, again))
    await grave.source.settle(again)
    assert (grave.settled, await grave.source.finished()) == (3, True)


async def test_it_ends_when_somebody_else_has_settled_the_last_one() -> None:
    grave = Grave([note(), note(0, 1)])
    grave.still = {PLACE}
    await grave.source.start()
    grave.broker.settle("replay", PLACE, 2)
    await grave.inner.start()
    assert await grave.fetch() == []
    assert not await grave.source.finished(), "it has not looked yet"
    grave.clock.now += LOOK_AGAIN
    assert not await grave.source.finished(), "it is still there"
    grave.still = ()
    assert not await grave.source.finished()
    grave.clock.now += LOOK_AGAIN
    assert await grave.source.finished()
    assert grave.source.remaining == 0


async def test_what_is_not_ours_to_settle_is_left_alone() -> None:
    grave = Grave([note()])
    await grave.source.start()
    await grave.source.settle([Batch(Partition("in"), [b"x"], ["0"], epoch=99)])
    assert grave.settled == 0
    await grave.source.keep_alive()
    await grave.source.stop()
