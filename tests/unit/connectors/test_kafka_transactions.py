"""The transactions of all partitions, and the sink that fills them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aura_connectors.kafka import SinkOptions, SourceOptions, connector
from aura_connectors.kafka import transactions as module
from aura_connectors.kafka.records import Target
from aura_connectors.kafka.transactions import Transactions, transactional_id

from aura_stream.errors import ConfigError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Partition
from aura_stream.ports import Context, ExactlyOnce, ExactlyOnceSink, PausableSource

ONE, TWO = TopicPartition("orders", 0), TopicPartition("orders", 1)
SOURCE = SourceOptions(servers="localhost:9092", topics=["orders"], group="readers", session_timeout="8s")  # type: ignore[arg-type]
SINK = SinkOptions(servers="localhost:9092")
OUT = Target("orders.aura", 2, 1_000_000, False, 0)


class FakeTransactor:
    """Remembers what it was asked, and does as the test says."""

    made: list[FakeTransactor]
    fault: Exception | None

    def __init__(self, tp: TopicPartition, group: str, name: str, _: SinkOptions, progress: Any, rest: float) -> None:
        self.tp, self.group, self.name, self.rest = tp, group, name, rest
        self.progress = progress
        self.settled: list[tuple[int, int]] = []
        self.started = self.closed = False
        self.made.append(self)

    async def start(self) -> None:
        self.started = True
        if self.fault is not None:
            raise self.fault

    async def settle(self, rows: Mapping[Any, Any], offset: int, awaited: Callable[[], bool]) -> None:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        if awaited():
            self.settled.append((sum(len(part) for parts in rows.values() for part in parts), offset))
            self.progress.settled({self.tp: offset})

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeTransactor]:
    FakeTransactor.made, FakeTransactor.fault = [], None
    monkeypatch.setattr(module, "Transactor", FakeTransactor)
    return FakeTransactor.made


class FakeProgress:
    def __init__(self) -> None:
        self.places: dict[TopicPartition, tuple[int, int]] = {}
        self.offsets: dict[TopicPartition, int] = {}

    def place(self, tp: TopicPartition) -> tuple[int, int] | None:
        return self.places.get(tp)

    async def find_out(self, tp: TopicPartition, attempted: int) -> None:
        raise NotImplementedError

    def settled(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.offsets |= offsets


def test_the_id_is_that_of_the_partition_whoever_owns_it() -> None:
    assert transactional_id("ns", "readers", "orders", 3) == "aura/ns/readers/orders/3"


async def test_each_partition_has_a_producer_from_assignment_to_revocation(made: list[FakeTransactor]) -> None:
    transactions = Transactions(SOURCE, SINK, "ns")
    await transactions.begin([ONE, TWO], FakeProgress())
    assert [(each.name, each.group, each.rest) for each in made] == [
        ("aura/ns/readers/orders/0", "readers", 2.0),
        ("aura/ns/readers/orders/1", "readers", 2.0),
    ]
    assert all(each.started and not each.closed for each in made)
    await transactions.begin([ONE], FakeProgress())
    assert [each.closed for each in made] == [True, True, False]
    await transactions.end()
    await transactions.settle(ONE, {}, 5, lambda: True)  # not ours: nothing to do
    assert made[2].closed
    assert made[2].settled == []


async def test_if_one_cannot_start_none_stays(made: list[FakeTransactor]) -> None:
    transactions = Transactions(SOURCE, SINK, "ns")
    FakeTransactor.fault = UnavailableError("away")
    with pytest.raises(UnavailableError):
        await transactions.begin([ONE, TWO], FakeProgress())
    assert all(each.closed for each in made)


async def test_offsets_alone_are_committed_in_transactions(made: list[FakeTransactor]) -> None:
    transactions, progress = Transactions(SOURCE, SINK, "ns"), FakeProgress()
    await transactions.begin([ONE, TWO], progress)
    await transactions.commit(None, {ONE: 5, TWO: 7})
    assert progress.offsets == {ONE: 5, TWO: 7}
    assert [each.settled for each in made] == [[(0, 5)], [(0, 7)]]


@pytest.mark.parametrize("now", [(2, 0), (1, 9)], ids=["read anew", "settled further"])
async def test_offsets_are_not_committed_for_a_partition_that_went_elsewhere_meanwhile(
    made: list[FakeTransactor], now: tuple[int, int]
) -> None:
    transactions, progress = Transactions(SOURCE, SINK, "ns"), FakeProgress()
    progress.places = {ONE: (1, 0)}
    await transactions.begin([ONE], progress)
    committing = asyncio.create_task(transactions.commit(None, {ONE: 5}))
    await asyncio.sleep(0)
    progress.places[ONE] = now
    await committing
    assert made[0].settled == []


class Outlet:
    """Stands in for both kinds of topics: takes all but the value `no`."""

    def __init__(self) -> None:
        self.opened = 0

    async def open(self, _: object) -> None:
        self.opened += 1

    async def reopen(self) -> None:
        self.opened += 1

    def placed(self, batch: Batch, number: int) -> list[Any]:
        if b"no" in batch.values:
            raise UnwritableMessageError("no", list(batch.values).index(b"no"), number)
        return [((OUT, batch.partition.index), list(batch.values))]


@pytest.fixture
async def pair(made: list[FakeTransactor]) -> Any:
    source, sink = connector.exactly_once(SOURCE, SINK, connector.burying(SINK, "dead"), Context("ns"))
    sink._outputs, sink._dead_letters = Outlet(), Outlet()  # type: ignore[assignment]
    await sink._transactions.begin([ONE, TWO], source)
    source._positions.assign({ONE: 0, TWO: 0})
    return source, sink


def batch(index: int, first: int, *values: bytes) -> Batch:
    return Batch(Partition("orders", index), list(values), range(first, first + len(values)), None, 1)


def test_the_connector_offers_it() -> None:
    assert isinstance(connector, ExactlyOnce)
    source, sink = connector.exactly_once(SOURCE, SINK, None, Context("ns"))
    assert isinstance(source, PausableSource)
    assert isinstance(sink, ExactlyOnceSink)


async def test_each_partition_has_one_transaction_with_its_dead_letters(pair: Any, made: list[FakeTransactor]) -> None:
    source, sink = pair
    batches = [batch(0, 0, b"a", b"b"), batch(1, 0, b"c"), batch(0, 3, b"e")]
    await sink.publish_and_settle(batches, [batch(0, 2, b"d"), batch(1, 1, b"f")])
    assert [each.settled for each in made] == [[(4, 4)], [(2, 2)]]
    assert not any(map(source.awaits, batches))


async def test_what_is_settled_or_not_ours_is_passed_over(pair: Any, made: list[FakeTransactor]) -> None:
    _, sink = pair
    await sink.publish_and_settle([batch(0, 0, b"a")])
    lost = Batch(Partition("orders", 1), [b"z"], [0], None, 99)
    await sink.publish_and_settle([batch(0, 0, b"a"), batch(0, 1, b"b"), lost])
    assert made[0].settled == [(1, 1), (1, 2)]
    assert made[1].settled == []
    await sink.publish_and_settle([])


async def test_a_message_that_cannot_be_written_is_counted_over_batches_and_dead_letters(
    pair: Any, made: list[FakeTransactor]
) -> None:
    _, sink = pair
    with pytest.raises(UnwritableMessageError) as caught:
        await sink.publish_and_settle([batch(0, 0, b"a"), batch(0, 1, b"b", b"no")])
    assert (caught.value.batch, caught.value.index) == (1, 1)
    with pytest.raises(UnwritableMessageError) as caught:
        await sink.publish_and_settle([batch(0, 0, b"a")], [batch(0, 1, b"b"), batch(0, 2, b"no")])
    assert (caught.value.batch, caught.value.index) == (2, 0)
    assert made[0].settled == []


async def test_after_an_error_the_outputs_are_looked_at_again(pair: Any) -> None:
    _, sink = pair
    FakeTransactor.fault = UnavailableError("away")
    with pytest.raises(UnavailableError):
        await sink.publish_and_settle([batch(0, 0, b"a")])
    FakeTransactor.fault = None
    await sink.publish_and_settle([batch(0, 0, b"a")])
    assert (sink._outputs.opened, sink._dead_letters.opened) == (1, 1)


async def test_of_several_errors_the_one_that_waiting_does_not_mend_is_told(
    pair: Any, made: list[FakeTransactor]
) -> None:
    _, sink = pair
    made[0].fault, made[1].fault = UnavailableError("away"), ConfigError("not allowed")
    with pytest.raises(ConfigError):
        await sink.publish_and_settle([batch(0, 0, b"a"), batch(1, 0, b"b")])


async def test_a_transaction_that_ends_without_a_word_is_not_taken_for_settled(
    pair: Any, made: list[FakeTransactor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sink = pair

    async def nothing(*_: object) -> None:
        """Return."""

    monkeypatch.setattr(made[0], "settle", nothing)
    with pytest.raises(UnavailableError, match="1 transactions had no end"):
        await sink.publish_and_settle([batch(0, 0, b"a"), batch(1, 0, b"b")])
