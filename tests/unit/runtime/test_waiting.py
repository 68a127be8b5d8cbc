"""A frame whose template is not there yet waits, and so does what stands behind it; everything else goes on."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator

import pytest

from aura_stream.codec import Codebook, HybridCodec, Proposal
from aura_stream.errors import MessageError, NotDrainedError, UnknownTemplateError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.runtime import Statistics, following
from aura_stream.runtime.serial import SerialSource
from aura_stream.runtime.waiting import Stuck, WaitingRoom
from tests.unit.codec.books import DICTIONARY
from tests.unit.runtime import engine as engines
from tests.unit.runtime.engine import BAD, Engine, eventually, finish
from tests.unit.runtime.stores import FakeStore, longer

KNOWN = b"the quick brown fox jumps over the lazy dog"
NEW = b"a template that comes later to this store than its frames"
SHORT = longer(Codebook(), KNOWN)
LONG = longer(SHORT, NEW)


def anew(dictionary: bytes = b"") -> Proposal:
    """Another generation with the template that is there already."""
    assert SHORT.newest is not None
    return Proposal(SHORT.newest.templates, True, dictionary)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL", 0.005)


class Restoring(Engine):
    """A decoding worker whose store does not have NEW yet."""

    def __init__(self, partitions: int = 1, **options: int | float | bool) -> None:
        super().__init__(partitions, **{"once": False, "max_messages": 5, **options})
        self.transform = engines.following(decodes=True)
        self.store: FakeStore = FakeStore(SHORT)
        codec = HybridCodec(LONG)
        self.known, self.new = codec.encode(KNOWN), codec.encode(NEW)
        assert codec.peek(self.new).method == "template"

    async def waiting(self, count: int) -> None:
        await eventually(f"{count} that wait", lambda: self.worker.statistics.waiting == count)


@pytest.fixture
def restoring() -> Iterator[Restoring]:
    engine = Restoring(partitions=2)
    yield engine
    engine.broker.forget(engine.broker_name)


def told(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


async def test_what_stands_before_is_settled_and_the_rest_waits_until_the_template_is_there(
    restoring: Restoring,
) -> None:
    frames = [restoring.known] * 12 + [restoring.new] + [restoring.known] * 9 + [None, restoring.new]
    restoring.write(frames)
    running = asyncio.create_task(restoring.run())
    await eventually("those before", lambda: restoring.settled() == 12)
    await restoring.waiting(3)  # of the portion; no more of the partition is fetched
    assert restoring.written() == [KNOWN] * 12
    restoring.store.book = LONG
    await eventually("all", lambda: restoring.settled() == len(frames))
    restoring.worker.stop()
    await finish(running)
    assert restoring.written() == [KNOWN] * 12 + [NEW] + [KNOWN] * 9 + [None, NEW]
    assert restoring.worker.statistics.waiting == 0


async def test_other_partitions_go_on(restoring: Restoring) -> None:
    restoring.write([restoring.known] * 5 + [restoring.new] * 20, 0)
    running = asyncio.create_task(restoring.run())
    await eventually("those before", lambda: restoring.settled(0) == 5)
    for count in range(1, 6):
        restoring.write([restoring.known] * 7, 1)
        await eventually("seven more", lambda count=count: restoring.settled(1) == 7 * count)  # type: ignore[misc]
    assert restoring.settled(0) == 5
    assert restoring.worker.statistics.waiting <= 10
    restoring.store.book = LONG
    await eventually("the others too", lambda: restoring.settled(0) == 25)
    restoring.worker.stop()
    await finish(running)
    assert restoring.written(0) == [KNOWN] * 5 + [NEW] * 20
    assert restoring.written(1) == [KNOWN] * 35


async def test_both_partitions_may_wait_each_for_its_own(restoring: Restoring) -> None:
    longest = longer(LONG, b"yet another one that is even later than the other one was")
    last = HybridCodec(longest).encode(b"yet another one that is even later than the other one was")
    restoring.write([restoring.known] * 5 + [restoring.new], 0)
    restoring.write([restoring.known] * 5 + [last], 1)
    running = asyncio.create_task(restoring.run())
    await restoring.waiting(2)
    restoring.store.book = LONG
    await eventually("the first", lambda: restoring.settled(0) == 6)
    assert restoring.settled(1) == 5
    restoring.store.book = longest
    await eventually("the second", lambda: restoring.settled(1) == 6)
    restoring.worker.stop()
    await finish(running)


async def test_all_copies_are_searched_for_it(restoring: Restoring) -> None:
    restoring.write([restoring.known] * 5 + [restoring.new])
    restoring.store.hidden = LONG
    running = asyncio.create_task(restoring.run())
    await eventually("all", lambda: restoring.settled() == 6)
    restoring.worker.stop()
    await finish(running)
    assert restoring.store.searches >= 1


async def test_it_is_said_that_it_waits_and_later_that_it_is_paused_each_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Restoring(patience=0.05)
    engine.write([engine.known] * 5 + [engine.new])
    with caplog.at_level(logging.INFO):
        running = asyncio.create_task(engine.run())
        await eventually("an error", lambda: bool(told(caplog, logging.ERROR)))
        engine.store.book = SHORT.extended(anew())  # longer, and not what is missing
        await eventually("another try", lambda: engine.worker.statistics.generations == 2)
        engine.worker.stop()
        with pytest.raises(NotDrainedError):
            await finish(running)
    assert told(caplog, logging.WARNING) == ["in partition 0 position 5: waiting for template 0-1"]
    (line,) = told(caplog, logging.ERROR)
    assert line.startswith("in partition 0 position 5: paused: template 0-1 did not arrive within 0.05 s")


async def test_an_unknown_dictionary_is_named_as_one(caplog: pytest.LogCaptureFixture) -> None:
    engine = Restoring(patience=0.02)
    book = SHORT.extended(anew(DICTIONARY))
    message = DICTIONARY[:60]
    frame = HybridCodec(book).encode(message)
    assert HybridCodec(book).peek(frame).method == "zstd"
    engine.write([engine.known] * 5 + [frame])
    running = asyncio.create_task(engine.run())
    await eventually("a word about it", lambda: "waiting for the dictionary of generation 1" in caplog.text)
    engine.store.book = book
    await eventually("all", lambda: engine.settled() == 6)
    engine.worker.stop()
    await finish(running)
    assert engine.written()[-1] == message


async def test_once_it_fails_when_patience_ends_with_everything_before_it_settled() -> None:
    engine = Restoring(once=True, patience=0.1)
    engine.write([engine.known] * 7 + [engine.new] + [engine.known])
    with pytest.raises(MessageError, match=r"in partition 0 position 7: .*template 0-1 did not arrive within 0\.1 s"):
        await engine.run()
    assert engine.settled() == 7
    assert engine.written() == [KNOWN] * 7


async def test_once_it_goes_on_if_the_template_comes_in_time() -> None:
    engine = Restoring(once=True, patience=20.0)
    engine.write([engine.known] * 7 + [engine.new] + [engine.known])
    running = asyncio.create_task(engine.run())
    await engine.waiting(2)
    engine.store.book = LONG
    await finish(running)
    assert engine.settled() == 9


async def test_what_waits_when_it_is_stopped_comes_again(restoring: Restoring) -> None:
    restoring.write([restoring.known] * 5 + [restoring.new] * 3)
    running = asyncio.create_task(restoring.run())
    await restoring.waiting(3)
    restoring.worker.stop()
    with pytest.raises(NotDrainedError) as caught:
        await finish(running)
    assert caught.value.messages == 3
    assert restoring.settled() == 5


async def test_what_waits_is_dropped_when_its_partition_goes_to_another_worker(restoring: Restoring) -> None:
    restoring.write([restoring.known] * 5 + [restoring.new] * 3)
    running = asyncio.create_task(restoring.run())
    await restoring.waiting(3)
    restoring.broker.join("aura")
    await eventually("the drop", lambda: restoring.worker.statistics.dropped == 3)
    restoring.store.book = LONG
    restoring.worker.stop()
    await finish(running)
    assert restoring.written() == [KNOWN] * 5
    assert restoring.worker.statistics.in_flight == 0


async def test_of_the_first_batch_nothing_is_published_before_all_of_it_decodes(restoring: Restoring) -> None:
    restoring.write([restoring.known, restoring.known, restoring.new, restoring.known])
    running = asyncio.create_task(restoring.run())
    await restoring.waiting(4)
    assert restoring.written() == []
    restoring.store.book = LONG
    await eventually("all", lambda: restoring.settled() == 4)
    restoring.worker.stop()
    await finish(running)
    assert restoring.written() == [KNOWN, KNOWN, NEW, KNOWN]


async def test_a_damaged_frame_behind_it_ends_the_run_only_when_it_is_its_turn(restoring: Restoring) -> None:
    damaged = restoring.new[:-1] + bytes((restoring.new[-1] ^ 0x55,))
    restoring.write([restoring.known] * 5 + [restoring.new, damaged, restoring.known])
    running = asyncio.create_task(restoring.run())
    await restoring.waiting(3)
    restoring.store.book = LONG
    with pytest.raises(MessageError, match="in partition 0 position 6: cannot be decoded"):
        await finish(running)
    assert restoring.settled() == 6
    assert BAD not in restoring.written()


class NoPause:
    """A source that cannot leave out a partition."""

    def __init__(self, engine: Engine) -> None:
        self._source = engine.source
        for name in ("fetch", "owns", "settle", "keep_alive", "finished", "lag", "stop"):
            setattr(self, name, getattr(engine.source, name))

    async def start(self) -> list[Topic]:
        return list(await self._source.start())


async def test_a_source_that_cannot_pause_is_not_fetched_at_all_meanwhile(restoring: Restoring) -> None:
    restoring.write([restoring.known] * 5 + [restoring.new] * 3, 0)
    fetched: list[Batch] = []
    source = restoring.source
    restoring.source = NoPause(restoring)  # type: ignore[assignment]
    running = asyncio.create_task(restoring.run())
    await restoring.waiting(3)
    kept_alive = source.kept_alive
    restoring.write([restoring.known] * 4, 1)
    await eventually("signs of life", lambda: source.kept_alive > kept_alive)
    assert (restoring.settled(1), fetched) == (0, [])
    restoring.store.book = LONG
    await eventually("all", lambda: (restoring.settled(0), restoring.settled(1)) == (8, 4))
    restoring.worker.stop()
    await finish(running)


async def test_a_store_that_cannot_grow_is_not_waited_for() -> None:
    engine = Restoring(once=True)
    engine.transform._waits = False
    engine.write([engine.known] * 5 + [engine.new])
    with pytest.raises(MessageError, match="position 5: cannot be decoded"):
        await engine.run()
    assert engine.settled() == 5


class TestOrder:
    """Whatever portions the messages come in, nothing of a partition passes what waits in it."""

    @staticmethod
    def batches(engine: Restoring) -> deque[Batch]:
        """Two partitions in turns; the second batch of the first has the frame that waits."""
        first, second = Partition("in", 0), Partition("in", 1)
        frames = [
            [engine.known] * 6,
            [engine.known, engine.new, engine.known],
            [engine.known] * 4,
            [engine.known] * 300,
        ]
        rows = [(first, frames[0]), (second, frames[2]), (first, frames[1]), (second, frames[3]), (first, frames[3])]
        ends = {first: 0, second: 0}
        made: deque[Batch] = deque()
        for partition, values in rows:
            positions = range(ends[partition], ends[partition] + len(values))
            made.append(Batch(partition, values, positions, epoch=engine.broker.epoch("aura")))
            ends[partition] += len(values)
        return made

    def test_all_that_stands_behind_it_waits_too_in_order(self, restoring: Restoring) -> None:
        transform = restoring.transform
        transform.offer(SHORT)
        queue, stuck, passed = self.batches(restoring), [], []
        while queue:
            done = transform.transform(queue)
            stuck += done.stuck
            passed += done.batches
        (waits,) = stuck
        positions = [position for batch in waits.batches for position in batch.positions]
        assert positions == list(range(7, 309))
        assert {batch.partition.index for batch in waits.batches} == {0}
        first = [position for batch in passed if batch.partition.index == 0 for position in batch.positions]
        second = [position for batch in passed if batch.partition.index == 1 for position in batch.positions]
        assert (first, second) == (list(range(7)), list(range(304)))

    async def test_what_is_fetched_of_a_partition_that_waits_stands_behind_it(self, restoring: Restoring) -> None:
        await restoring.source.start()
        room = WaitingRoom(SerialSource(restoring.source), Statistics(), 10.0, once=False)
        waits, later = self.batches(restoring)[2], self.batches(restoring)[4]
        error = UnknownTemplateError("unknown", 0, 1)
        assert room.admit([Stuck(waits.partition, [waits], "place", 7, error)])
        other = self.batches(restoring)[1]
        assert list(room.take([later, other], longer=False)) == [other]
        assert list(room.take([], longer=True)) == [waits, later]


class TestAnotherAssignment:
    """A partition that was lost and came back: what waited under the old assignment comes again under the new one."""

    ERROR = UnknownTemplateError("unknown", 0, 1)

    @staticmethod
    async def room(engine: Restoring) -> WaitingRoom:
        await engine.source.start()
        return WaitingRoom(SerialSource(engine.source), Statistics(), 10.0, once=False)

    @staticmethod
    def batch(engine: Restoring) -> Batch:
        return Batch(Partition("in", 0), [engine.new], [7], epoch=engine.broker.epoch("aura"))

    @pytest.mark.parametrize("longer", [False, True])
    async def test_what_comes_anew_is_not_dropped_with_what_waited(self, restoring: Restoring, longer: bool) -> None:
        room = await self.room(restoring)
        before = self.batch(restoring)
        room.admit([Stuck(before.partition, [before], "place", 7, self.ERROR)])
        await restoring.source.start()  # during the fetch
        anew = self.batch(restoring)
        assert list(room.take([anew], longer)) == [anew]
        assert len(room) == 0

    async def test_it_is_not_left_paused(self, restoring: Restoring) -> None:
        room = await self.room(restoring)
        before = self.batch(restoring)
        await restoring.source.start()  # while the batch was transformed
        room.admit([Stuck(before.partition, [before], "place", 7, self.ERROR)])
        room.look()
        restoring.write([restoring.known])
        assert [batch.partition for batch in await restoring.source.fetch(1, 1000, 0.0)] == [before.partition]
