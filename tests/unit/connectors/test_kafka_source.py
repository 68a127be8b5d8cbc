"""What a source hands out, and when it is through."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aura_connectors.kafka.commits import GroupCommits
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.source import KafkaSource

from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.model import Batch, Partition
from aura_stream.ports import Context

LOST, KEPT = TopicPartition("orders", 0), TopicPartition("orders", 1)
OPTIONS = SourceOptions(servers="localhost:9092", topics=["orders"], group="g")


def batch(tp: TopicPartition, first: int, epoch: int) -> Batch:
    return Batch(Partition(tp.topic, tp.partition), [b"x", b"y"], [first, first + 1], None, epoch)


async def test_what_was_read_of_a_partition_that_was_given_away_is_dropped() -> None:
    """A commit can be refused before the client tells of the rebalance; what was read ahead is still there then."""
    source = KafkaSource(OPTIONS, Context())
    source._positions.assign({LOST: 0, KEPT: 0})
    epoch = source._positions.epoch
    source._backlog.extend([batch(LOST, 0, epoch), batch(KEPT, 0, epoch - 1), batch(KEPT, 0, epoch)])
    source._positions.forget([LOST])
    (handed,) = source._hand_out(10, 1000)
    assert (handed.partition, handed.epoch) == (Partition("orders", 1), epoch)
    assert source._positions.unsettled() == [KEPT]


class FakeGroup:
    """A group whose committed offset is `committed`, on a log that ends at `end` by now."""

    def __init__(self, committed: int | None, end: int) -> None:
        self._committed, self._end = committed, end

    async def committed(self, _: TopicPartition) -> int | None:
        return self._committed

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self._end)


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize(
    ("committed", "now", "through"),
    [(4, 5, False), (5, 5, True), (8, 9, True), (100, 5, False)],
    ids=["behind", "at the end", "further than at start", "beyond a log that was cut or made anew"],
)
async def test_once_is_over_where_the_log_was_read_to_its_end(
    owned: bool, committed: int, now: int, through: bool
) -> None:
    source = KafkaSource(OPTIONS, Context(once=True))
    group: Any = FakeGroup(committed, now)
    source._consumer, source._reader, source._ends = group, group, {KEPT: 5}
    if owned:
        source._positions.assign({KEPT: committed})
    assert await source.finished() is through


class FakeConsumer:
    """A member of a group whose offsets are in `committed`."""

    def __init__(self, committed: Mapping[TopicPartition, int]) -> None:
        self.committed = dict(committed)
        self.calls: list[object] = []

    def pause(self, *partitions: TopicPartition) -> None:
        self.calls.append(("pause", *partitions))

    def resume(self, *partitions: TopicPartition) -> None:
        self.calls.append(("resume", *partitions))

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.calls.append((tp, offset))

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 2)

    async def stop(self) -> None:
        """Stop."""


class FakeCommits(GroupCommits):
    """Waits at `begin` for `gate`, and raises `fault` there."""

    def __init__(self, consumer: FakeConsumer) -> None:
        super().__init__()
        self._consumer = consumer
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.began = asyncio.Event()

    async def begin(self, partitions: Sequence[TopicPartition], progress: Any) -> None:
        self.began.set()
        self._consumer.calls.append("begin")
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        await super().begin(partitions, progress)

    async def commit(self, consumer: Any, offsets: Mapping[TopicPartition, int]) -> None:
        self._consumer.calls.append(("commit", dict(offsets)))

    async def end(self) -> None:
        self._consumer.calls.append("end")


@pytest.fixture
async def member(monkeypatch: pytest.MonkeyPatch) -> Any:
    consumer = FakeConsumer({KEPT: 7})

    async def committed(consumer: Any, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        consumer.calls.append("committed")
        return {tp: consumer.committed[tp] for tp in partitions if tp in consumer.committed}

    monkeypatch.setattr("aura_connectors.kafka.source.committed_offsets", committed)
    source = KafkaSource(OPTIONS, Context(), FakeCommits(consumer))
    source._consumer = consumer  # type: ignore[assignment]
    return source


async def test_former_owners_are_kept_away_before_offsets_are_read_and_nothing_is_fetched_before_that(
    member: KafkaSource,
) -> None:
    consumer: Any = member._consumer
    await member.on_partitions_assigned({KEPT, LOST})
    await member._assigned.wait()
    assert consumer.calls == [
        ("pause", *{KEPT, LOST}),
        "begin",
        "committed",
        ("commit", {LOST: 2}),
        (KEPT, 7),
        (LOST, 2),
        ("resume", LOST, KEPT),
    ]
    assert (member._positions.settled(KEPT), member._positions.settled(LOST)) == (7, 2)


async def test_a_revocation_ends_a_takeover_that_is_under_way(member: KafkaSource) -> None:
    commits: Any = member._commits
    commits.gate.clear()
    await member.on_partitions_assigned({KEPT})
    await commits.began.wait()
    await member.on_partitions_revoked({KEPT})
    assert commits._consumer.calls[-1] == "end"
    assert not member._assigned.is_set()
    assert list(member._positions) == []


async def test_what_a_takeover_met_is_told_by_the_next_fetch_unless_its_assignment_is_over(member: KafkaSource) -> None:
    commits: Any = member._commits
    commits.fault = ConfigError("not allowed")
    await member.on_partitions_assigned({KEPT})
    await member._assigned.wait()
    await member.on_partitions_revoked({KEPT})
    assert member._failure is None
    await member.on_partitions_assigned({KEPT})
    await member._assigned.wait()
    with pytest.raises(ConfigError, match="not allowed"):
        await member.fetch(1, 1, 0)


@pytest.mark.parametrize(
    ("committed", "settled", "owned"),
    [(7, 7, True), (9, 9, True), (8, 8, False), (30, 30, False)],
    ids=["untouched", "done", "half of it, elsewhere", "further, elsewhere"],
)
async def test_the_committed_offset_tells_what_became_of_a_transaction(
    member: KafkaSource, committed: int, settled: int, owned: bool
) -> None:
    consumer: Any = member._consumer
    member._positions.assign({KEPT: 7})
    ours = batch(KEPT, 7, member._positions.epoch)
    consumer.committed[KEPT] = committed
    await member.find_out(KEPT, 9)
    assert member._positions.settled(KEPT) == settled
    assert member.owns(ours) is owned


async def test_without_an_offset_or_an_assignment_there_is_no_telling(member: KafkaSource) -> None:
    with pytest.raises(UnavailableError, match="orders/1 is not read now"):
        await member.find_out(KEPT, 9)
    member._positions.assign({LOST: 3})
    with pytest.raises(UnavailableError, match="offsets of group g are gone"):
        await member.find_out(LOST, 9)
    with pytest.raises(UnavailableError, match="offsets of group g are gone"):
        await member.fetch(1, 1, 0)
    assert list(member._positions) == []


async def test_an_answer_for_an_assignment_that_is_over_changes_nothing(
    member: KafkaSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    member._positions.assign({KEPT: 7})

    async def late(*_: object) -> dict[TopicPartition, int]:
        member._positions.assign({KEPT: 20})
        return {KEPT: 9}

    monkeypatch.setattr("aura_connectors.kafka.source.committed_offsets", late)
    await member.find_out(KEPT, 9)
    assert member._positions.settled(KEPT) == 20
