"""How far each owned partition was read, handed out and settled. No I/O: the ledger behind the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from aura_stream.model import Batch


@dataclass(slots=True)
class _Share:
    """One owned partition, as offsets of the next record: settled <= handed <= read."""

    epoch: int
    settled: int
    handed: int
    read: int


class Positions:
    """The partitions of one assignment. Epochs grow with each assignment or reset, and never repeat."""

    def __init__(self) -> None:
        self.epoch = 0
        self._shares: dict[TopicPartition, _Share] = {}

    def assign(self, starts: Mapping[TopicPartition, int]) -> None:
        """Begin a new assignment; `starts` are the offsets of the first records to read."""
        self.epoch += 1
        self._shares = {tp: _Share(self.epoch, start, start, start) for tp, start in starts.items()}

    def reset(self, tp: TopicPartition, offset: int) -> None:
        """Read an owned partition anew from `offset`: what was read before is not ours any more."""
        self.epoch += 1
        self._shares[tp] = _Share(self.epoch, offset, offset, offset)

    def clear(self) -> None:
        """End the assignment: nothing is owned."""
        self._shares = {}

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Give up some partitions: another member has them."""
        for tp in partitions:
            self._shares.pop(tp, None)

    def __iter__(self) -> Iterator[TopicPartition]:
        return iter(list(self._shares))

    def __contains__(self, tp: TopicPartition) -> bool:
        return tp in self._shares

    def settled(self, tp: TopicPartition) -> int:
        """Return the committed offset of an owned partition."""
        return self._shares[tp].settled

    def read(self, tp: TopicPartition) -> int:
        """Return the offset of the next record to read from an owned partition."""
        return self._shares[tp].read

    def epoch_of(self, tp: TopicPartition) -> int:
        """Return the epoch under which an owned partition is read."""
        return self._shares[tp].epoch

    def owns(self, batch: Batch) -> bool:
        """Tell whether the batch was read under the present assignment of its partition."""
        share = self._shares.get(partition_of(batch))
        return share is not None and share.epoch == batch.epoch

    def awaits(self, batch: Batch) -> bool:
        """Tell whether the batch is ours and not settled yet."""
        return self.owns(batch) and end_of(batch) > self._shares[partition_of(batch)].settled

    def accept(self, tp: TopicPartition, records: Sequence[Any]) -> Sequence[Any]:
        """Take fetched records in; returns those not seen under this assignment, [] if the partition is not owned.

        The client may fetch from a position of its own before it is told ours.
        """
        share = self._shares.get(tp)
        if share is None or not records:
            return []
        if records[0].offset < share.read:
            records = [record for record in records if record.offset >= share.read]
            if not records:
                return []
        share.read = records[-1].offset + 1
        return records

    def hand_out(self, batch: Batch) -> None:
        """Note that the engine has these messages now."""
        self._shares[partition_of(batch)].handed = end_of(batch)

    def to_commit(self, batches: Iterable[Batch]) -> dict[TopicPartition, int]:
        """Return the offsets that settle these batches, without those no longer owned or settled already."""
        offsets: dict[TopicPartition, int] = {}
        for batch in batches:
            tp = partition_of(batch)
            if len(batch) and self.awaits(batch):
                offsets[tp] = max(end_of(batch), offsets.get(tp, 0))
        return offsets

    def idle(self) -> list[TopicPartition]:
        """Return the partitions of which everything that was read is settled."""
        return [tp for tp, share in self._shares.items() if share.settled == share.read]

    def unsettled(self) -> list[TopicPartition]:
        """Return the partitions of which the engine holds messages."""
        return [tp for tp, share in self._shares.items() if share.settled < share.handed]

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note that these offsets are committed."""
        for tp, offset in offsets.items():
            if share := self._shares.get(tp):
                share.settled = offset
                share.handed = max(share.handed, offset)
                share.read = max(share.read, offset)


def partition_of(batch: Batch) -> TopicPartition:
    """Return the batch's partition as the client names it."""
    return TopicPartition(batch.partition.topic, batch.partition.index)


def end_of(batch: Batch) -> int:
    """Return the offset that settles the batch."""
    return int(batch.positions[-1]) + 1
