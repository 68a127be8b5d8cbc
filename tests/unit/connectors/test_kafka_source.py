"""What a source hands out: nothing that another member has already."""

from __future__ import annotations

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
