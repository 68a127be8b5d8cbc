"""Polling one consumer: turns what it fetched into batches, and tells what it could not read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from aura_connectors.kafka.client import translate
from aura_connectors.kafka.gaps import Gaps
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.positions import Positions
from aura_stream.errors import MessageError
from aura_stream.model import Batch, Partition, Records

POLL_GRACE = 0.25  # seconds that a poll may come back later than it was told to
UNREADABLE = (UnicodeDecodeError, errors.CorruptRecordException, errors.UnsupportedCodecError)

_NO_PARTITION = TopicPartition("", 0)

_Fetched = Mapping[TopicPartition, Sequence[Any]]


class Reader:
    """Reads on from the positions of the present assignment; `positions` are advanced by what was read."""

    def __init__(self, consumer: AIOKafkaConsumer, positions: Positions, options: SourceOptions, gaps: Gaps) -> None:
        self._consumer = consumer
        self._positions = positions
        self._options = options
        self._gaps = gaps
        self._poll: asyncio.Task[_Fetched] | None = None
        self._poll_epoch = 0
        self._one_by_one_epoch = 0
        self._unreadable: tuple[int, MessageError] | None = None  # found in that epoch: what the next read raises

    @property
    def heard(self) -> float:
        """When a broker last answered for one of our partitions, in seconds since the epoch; 0 if never."""
        with contextlib.suppress(errors.IllegalStateError):  # a rebalance is under way
            return max((self._consumer.last_poll_timestamp(tp) or 0 for tp in self._positions), default=0) / 1000
        return 0.0

    async def read(self, max_messages: int, timeout: float) -> list[Batch]:
        """Return up to `max_messages`, one batch per partition; [] after `timeout` seconds without any.

        Raises MessageError for a record that cannot be read, after all those before it, and for offsets that
        are gone, unless `gap` says to go on; UnavailableError if the client gave up.
        """
        if self._one_by_one_epoch == self._positions.epoch:
            return await self._read_one_by_one(max_messages, timeout)
        try:
            return self._accept(await self._getmany(max_messages, timeout))
        except UNREADABLE:
            self._one_by_one_epoch = self._positions.epoch  # finds out which record it is
            return []

    async def read_nothing(self) -> list[Batch]:
        """Poll for nothing, so that the group keeps us; returns what an earlier poll brought.

        Paused partitions would lose what is fetched ahead at each poll, and fetch it again.
        """
        if self._poll is not None and not self._poll.done():
            return []
        try:
            return self._accept(await self._getmany(1, 0, _NO_PARTITION))
        except UNREADABLE:
            self._one_by_one_epoch = self._positions.epoch
            return []

    async def passed(self) -> dict[TopicPartition, int]:
        """Return offsets to commit past what no reader ever sees, where everything before is settled.

        Control records, aborted transactions, compacted offsets: else `--once` would wait for them for ever, and
        retention would one day make them look like a loss. And gaps, which would be counted again.
        """
        offsets: dict[TopicPartition, int] = {}
        if self._poll is not None:
            return offsets  # the client may be ahead of what we have seen
        for tp in self._positions.idle():
            with contextlib.suppress(errors.IllegalStateError):  # a rebalance is under way
                position = await self._consumer.position(tp)
                if position > self._positions.settled(tp) or self._gaps.begins_anew(tp):
                    offsets[tp] = position
        return offsets

    async def close(self) -> None:
        """End the poll under way."""
        poll, self._poll = self._poll, None
        if poll is not None:
            poll.cancel()
            await asyncio.gather(poll, return_exceptions=True)

    async def _getmany(self, max_messages: int, timeout: float, *partitions: TopicPartition) -> _Fetched:
        """Poll in a task that outlives the call: `getmany` waits for the end of a rebalance without bound, and a
        cancelled one counts as under way for ever, which would hide a stall from the group."""
        poll = self._poll
        if poll is None:
            arguments = {"timeout_ms": int(timeout * 1000), "max_records": max_messages}
            poll = self._poll = asyncio.create_task(self._consumer.getmany(*partitions, **arguments))
            self._poll_epoch = self._positions.epoch
        await asyncio.wait({poll}, timeout=timeout + POLL_GRACE)
        if not poll.done():
            return {}
        if self._poll is poll:
            self._poll = None
        try:
            fetched: _Fetched = poll.result()
        except errors.NoOffsetForPartitionError:
            return {}  # the client looked before it was told our position
        except errors.OffsetOutOfRangeError as exc:
            await self._gaps.meet(self._consumer, self._positions, exc)
            return {}
        except UNREADABLE:
            self.rewind(self._positions)  # what it had read of other partitions is lost
            raise
        except errors.KafkaError as exc:
            raise translate(exc, self._options.servers, "reading") from exc
        if self._poll_epoch != self._positions.epoch:
            self.rewind(fetched)  # it spanned a rebalance, and may have read from a position that was never ours
            return {}
        return fetched

    def rewind(self, partitions: Iterable[TopicPartition]) -> None:
        """Let the client read again from where we are, and throw away what it fetched ahead."""
        for tp in partitions:
            if tp in self._positions:
                with contextlib.suppress(errors.IllegalStateError):
                    self._consumer.seek(tp, self._positions.read(tp))

    def _accept(self, fetched: _Fetched) -> list[Batch]:
        accepted = ((tp, self._positions.accept(tp, records)) for tp, records in fetched.items())
        return [to_batch(tp, records, self._positions.epoch_of(tp)) for tp, records in accepted if records]

    async def _read_one_by_one(self, max_messages: int, timeout: float) -> list[Batch]:
        partitions, epoch = list(self._positions), self._positions.epoch
        if self._unreadable is not None and self._unreadable[0] == epoch:
            raise self._unreadable[1]  # now, for other partitions may never be without messages
        batches: list[Batch] = []
        unreadable: MessageError | None = None
        for tp in partitions:
            while len(batches) < max_messages:
                try:
                    fetched = await self._getmany(1, timeout / len(partitions), tp)
                except UNREADABLE as exc:
                    unreadable = self._describe(tp, exc)
                    self._unreadable = epoch, unreadable
                    break
                if tp not in fetched:
                    break
                batches += self._accept(fetched)
        if unreadable is not None and not batches:
            raise unreadable
        return batches

    def _describe(self, tp: TopicPartition, exc: Exception) -> MessageError:
        offset = self._positions.read(tp)
        reason = "a header name is not UTF-8" if isinstance(exc, UnicodeDecodeError) else type(exc).__name__
        partition = str(Partition(tp.topic, tp.partition))
        return MessageError(f"{partition} offset {offset}: this record cannot be read ({reason})", partition, offset)


def to_batch(tp: TopicPartition, records: Sequence[Any], epoch: int) -> Batch:
    """Return records of one partition, as the client has them, as a batch."""
    metadata = Records(
        keys=[record.key for record in records],
        headers=[record.headers for record in records],
        timestamps=[record.timestamp for record in records],
        timestamp_types=[record.timestamp_type for record in records],
    )
    values = [record.value for record in records]
    positions = [record.offset for record in records]
    return Batch(Partition(tp.topic, tp.partition), values, positions, metadata, epoch)
