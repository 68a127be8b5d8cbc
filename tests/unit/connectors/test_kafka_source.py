"""What a source hands out, and when it is through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.source import KafkaSource

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
