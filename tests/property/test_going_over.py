"""Whatever a portion holds and whichever side fails meanwhile: each message has one outcome, in order, and settles once.

The model is the systems: partitions with what was settled of them, an output, a place for dead letters. Sides fail, and
partitions are lost, as drawn.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from aura_connectors.memory import connector
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.errors import CorruptFrameError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Note, Partition, Topic
from aura_stream.ports import Source
from aura_stream.runtime import Burial, Refusals, Screen, Transform
from aura_stream.runtime.breaker import Breaker
from aura_stream.runtime.portion import Portion
from aura_stream.runtime.retry import Outage
from aura_stream.runtime.ways import OneStep, TwoSteps, Way

LARGE = 50  # bytes: what is longer is refused
GOOD, NULL, BAD, OVERSIZED, UNWRITABLE = "good", "null", "bad", "oversized", "unwritable"
KINDS = st.sampled_from([GOOD, GOOD, GOOD, NULL, BAD, OVERSIZED, UNWRITABLE])
EVENTS = st.sampled_from(["away", "amid", "lose", "fine", "fine"])


def frame_of(kind: str, partition: int, row: int) -> bytes | None:
    if kind == NULL:
        return None
    return f"{kind} {partition}/{row}".encode().ljust(LARGE + 1 if kind == OVERSIZED else 0, b".")


def decode(frames: list[bytes]) -> list[bytes]:
    """Return frames in capitals, at most seven at a time."""
    for index, frame in enumerate(frames[:7]):
        if frame.startswith(BAD.encode()):
            raise CorruptFrameError("its check does not match", index)
    return [frame.upper() for frame in frames[:7]]


def is_dead(frame: bytes | None) -> bool:
    return frame is not None and not frame.startswith(GOOD.encode())


Row = tuple[int, int]  # partition, position


@dataclass
class World:
    """The systems on both sides, and the mishaps that are still to come."""

    partitions: list[list[bytes | None]]
    events: list[str]
    settled: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    epochs: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    next: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    output: list[tuple[Row, bytes | None]] = field(default_factory=list)
    dead: list[tuple[Row, bytes | None]] = field(default_factory=list)
    settles: list[Row] = field(default_factory=list)
    now: float = 0.0

    def fetch(self, sizes: Iterable[int]) -> deque[Batch]:
        """Return the next batches of all partitions in turn, of these sizes."""
        batches: deque[Batch] = deque()
        for number, size in enumerate(sizes):
            index = number % len(self.partitions)
            start = self.next[index]
            values = self.partitions[index][start : start + size]
            if values:
                self.next[index] += len(values)
                rows = range(start, start + len(values))
                batches.append(Batch(Partition("in", index), values, rows, epoch=self.epochs[index]))
        return batches

    def owns(self, batch: Batch) -> bool:
        return self.epochs[batch.partition.index] == batch.epoch

    def happens(self, batches: Sequence[Batch]) -> str:
        """Return what happens to the attempt to write these batches; a lost partition is read anew from what is settled."""
        event = self.events.pop() if self.events else "fine"
        if event == "lose" and batches:
            lost = batches[0].partition.index
            self.epochs[lost] += 1
            self.next[lost] = self.settled[lost]
        return event

    def settle(self, batches: Sequence[Batch]) -> None:
        written = {row for row, _ in (*self.output, *self.dead)}
        for batch in batches:
            if self.owns(batch):
                rows = [(batch.partition.index, int(position)) for position in batch.positions]
                assert set(rows) <= written, "nothing is settled before it is written"
                assert rows[0][1] == self.settled[batch.partition.index], "nothing is passed over"
                self.settles += rows
                self.settled[batch.partition.index] += len(rows)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def outage(self, what: str) -> Outage:
        return Outage(what, self.sleep, breaker=Breaker(clock=lambda: self.now))


def refuse_unwritable(batches: Sequence[Batch]) -> None:
    for number, batch in enumerate(batches):
        for index, value in enumerate(batch.values):
            if value is not None and value.startswith(UNWRITABLE.upper().encode()):
                raise UnwritableMessageError("too large", index, number)


def rows_of(batches: Sequence[Batch]) -> list[tuple[Row, bytes | None]]:
    return [
        ((batch.partition.index, int(position)), value)
        for batch in batches
        for position, value in zip(batch.positions, batch.values, strict=True)
    ]


class ModelSink:
    """Output, or dead letters; fails as the world says."""

    def __init__(self, world: World, into: list[tuple[Row, bytes | None]]) -> None:
        self._world = world
        self._into = into

    async def start(self, inputs: Sequence[Topic]) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, batches: Sequence[Batch]) -> None:
        refuse_unwritable(batches)
        event = self._world.happens(batches)
        if event == "away":
            raise UnavailableError("away")
        if event == "amid":
            self._into += rows_of(batches[: len(batches) // 2])
            raise UnavailableError("it went away in the middle")
        self._into += rows_of(batches)


class ModelSource:
    """As much of a source as a way needs."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def settle(self, batches: Sequence[Batch]) -> None:
        if self._world.happens(()) == "away":
            raise UnavailableError("away")
        self._world.settle(batches)


class ModelStep:
    """Both in one step; `amid`: it is done, and nobody hears of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def start(self, inputs: Sequence[Topic]) -> None: ...

    async def stop(self) -> None: ...

    async def publish_and_settle(self, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> None:
        refuse_unwritable(batches)
        world = self._world
        event = world.happens((*batches, *dead))
        if event == "away":
            raise UnavailableError("away")
        awaited = [[batch for batch in side if self._awaits(batch)] for side in (batches, dead)]
        world.output += rows_of(awaited[0])
        world.dead += rows_of(awaited[1])
        world.settle(sorted((*awaited[0], *awaited[1]), key=lambda batch: int(batch.positions[0])))
        if event == "amid":
            raise UnavailableError("no answer")

    def _awaits(self, batch: Batch) -> bool:
        return self._world.owns(batch) and int(batch.positions[0]) >= self._world.settled[batch.partition.index]


def two_steps(world: World) -> Way:
    source = cast(Source, ModelSource(world))
    return TwoSteps(source, ModelSink(world, world.output), ModelSink(world, world.dead), world.outage)


def one_step(world: World) -> Way:
    return OneStep(ModelStep(world), world.outage)


async def bring_all(world: World, way: Way, sizes: Sequence[int]) -> None:
    """Do what a worker does, until everything is settled."""
    burial = Burial(connector.marked, "decode", lambda: "c0de", lambda: 0.0)
    transform = Transform(
        decode, lambda frames: {"template": len(frames)}, True, 200, refusals=Refusals(burial, Screen(LARGE))
    )
    transform._trust.passed({"template": 4})

    def owned(portion: Portion) -> bool:
        portion.keep(world.owns)
        return bool(portion.parts)

    await way.start([])
    while any(world.settled[index] < len(rows) for index, rows in enumerate(world.partitions)):
        fetched = world.fetch(sizes)
        while fetched:
            portion = transform.transform(fetched)
            assert portion.failure is None
            await way.bring(portion, owned)


def first_occurrences(rows: list[tuple[Row, bytes | None]], partition: int) -> list[bytes | None]:
    """Return a partition's messages in the order in which each came first."""
    seen = dict(reversed([(row, value) for row, value in rows if row[0] == partition]))
    order = dict.fromkeys(row for row, _ in rows if row[0] == partition)
    return [seen[row] for row in order]


@dataclass(frozen=True)
class Case:
    """What stands in each partition, what happens, and how much is fetched at a time."""

    kinds: list[list[str]]
    events: list[str]
    sizes: list[int]

    def world(self) -> World:
        partitions = [
            [frame_of(kind, index, row) for row, kind in enumerate(kinds)] for index, kinds in enumerate(self.kinds)
        ]
        return World(partitions, list(self.events))


CASES = st.builds(
    Case,
    st.lists(st.lists(KINDS, max_size=30), min_size=1, max_size=3),
    st.lists(EVENTS, max_size=25),
    st.lists(st.integers(1, 12), min_size=3, max_size=8),
)


def check(
    world: World,
    rows_in: Callable[[list[tuple[Row, bytes | None]], int], list[bytes | None]],
    as_came: Callable[[list[bytes | None]], list[bytes | None]] = list,
) -> None:
    """`as_came` puts dead letters in the order in which they are promised to stand."""
    letters = []
    for row, envelope in world.dead:
        plain, notes = connector.unmarked(Batch(Partition("in", row[0]), [envelope], [row[1]]))
        note = Note.from_bytes(notes[0] or b"")
        assert note is not None
        assert (note.topic, note.partition, note.position) == ("in", row[0], str(row[1]))
        letters.append((row, plain.values[0]))
    for index, frames in enumerate(world.partitions):
        assert rows_in(world.output, index) == [
            None if frame is None else frame.upper() for frame in frames if not is_dead(frame)
        ]
        assert as_came(rows_in(letters, index)) == as_came([frame for frame in frames if is_dead(frame)])
        assert [row for row in world.settles if row[0] == index] == [(index, row) for row in range(len(frames))]


def refused_last(letters: list[bytes | None]) -> list[bytes | None]:
    """Put what the output refused behind the others: it is known to be a dead letter when those of its portion lie."""
    return sorted(letters, key=lambda letter: letter is not None and letter.startswith(UNWRITABLE.encode()))


@settings(deadline=None)
@given(CASES)
def test_in_two_steps_nothing_is_lost_and_nothing_changes_places(case: Case) -> None:
    world = case.world()
    asyncio.run(bring_all(world, two_steps(world), case.sizes))
    check(world, first_occurrences, refused_last)


@settings(deadline=None)
@given(CASES)
def test_in_one_step_nothing_is_repeated_either(case: Case) -> None:
    world = case.world()
    asyncio.run(bring_all(world, one_step(world), case.sizes))
    check(world, lambda rows, index: [value for row, value in rows if row[0] == index])


@settings(deadline=None)
@given(CASES)
def test_in_two_steps_nothing_is_repeated_unless_a_side_failed(case: Case) -> None:
    world = replace(case, events=[]).world()
    asyncio.run(bring_all(world, two_steps(world), case.sizes))
    check(world, lambda rows, index: [value for row, value in rows if row[0] == index], refused_last)


@pytest.mark.parametrize("way", [two_steps, one_step])
def test_the_model_meets_every_kind_of_mishap(way: Callable[[World], Way]) -> None:
    """So that the properties are not empty: each of these happened while something was written."""
    kinds = [[GOOD, BAD, NULL, OVERSIZED, UNWRITABLE, GOOD] * 5] * 2
    world = Case(kinds, ["fine", "lose", "amid", "away"] * 2, []).world()
    asyncio.run(bring_all(world, way(world), [5, 5, 3]))
    assert world.events == []
    assert world.epochs
    assert len(world.dead) >= 30
