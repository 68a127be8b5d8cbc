"""The journal of a template store as a topic, beside the frames; `maker` is what the entry point names.

One partition, so that there is one order; nothing is ever deleted. Read without a group up to the end as it is now.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.producer.message_accumulator import BatchBuilder
from pydantic import BaseModel

from aura_connectors.kafka.client import (
    CALL_TIMEOUT,
    REQUEST_TIMEOUT_MS,
    admin,
    discard,
    guarded,
    leave,
    probe,
    security,
)
from aura_connectors.kafka.options import Connection, JournalOptions, SinkOptions
from aura_connectors.kafka.topics import MAX_MESSAGE_BYTES, REPLICATION, create, describe
from aura_stream.errors import ConfigError
from aura_stream.model import Topic
from aura_stream.ports import Journal, JournalMaker

log = logging.getLogger(__name__)

MAX_RECORD: Final = 4 << 20  # bytes: an opening with all templates and a dictionary is one record
BATCH_BYTES: Final = 512 << 10  # of several records; below the 1 MiB of topics that others made
START_TIMEOUT: Final = 9.0  # seconds; the port's bound is 10
APPEND_TIMEOUT: Final = 18.0  # seconds; with twice what closing takes, under the 30 of the port
KEPT: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_POLL_MS = 500
_UNREADABLE = (UnicodeDecodeError, errors.CorruptRecordException, errors.UnsupportedCodecError)


class _UnreadableError(Exception):
    """The next record, or the batch around it, is damaged."""


class KafkaJournal:
    """See `aura_stream.ports.Journal`."""

    def __init__(self, options: JournalOptions, namespace: str, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._topic = options.topic or f"aura-journal-{namespace}"
        self._partition = TopicPartition(self._topic, 0)
        self._clock = clock
        self._consumer: AIOKafkaConsumer | None = None
        self._producer: AIOKafkaProducer | None = None
        self._next = 0  # offset of the first record that was not returned

    async def start(self, create: bool) -> None:
        """See the port."""
        await self.stop()
        self._next = 0
        async with guarded(self._options.servers, f"opening the journal {self._topic}", START_TIMEOUT):
            await probe(self._options)
            if await self._found(create):
                await self._connect_consumer()

    async def stop(self) -> None:
        """See the port."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await leave(consumer)
        await self._discard_producer()

    async def read(self) -> Sequence[bytes]:
        """See the port. Raises ConfigError for a topic that no longer holds what was read before."""
        if self._consumer is None:
            if not await self._found(create=False):
                return []
            await self._connect_consumer()
        consumer, end, start = self._consumer, await self._end(), self._next
        assert consumer is not None
        records: list[bytes] = []
        try:
            while self._next < end:
                records += await self._poll()
        except BaseException:  # cancelled too: what was polled so far reaches nobody, and is read again
            self._next = start
            consumer.seek(self._partition, start)
            raise
        return records

    async def append(self, records: Sequence[bytes]) -> None:
        """See the port."""
        try:
            async with guarded(self._options.servers, f"writing to {self._topic}", APPEND_TIMEOUT):
                await self._send(records)
        except BaseException:
            await self._discard_producer()  # nothing that it still holds may come later
            raise

    async def _found(self, create: bool) -> bool:
        """Tell whether the topic is there, and make it if asked for. Raises ConfigError for one that forgets."""
        async with admin(self._options) as client:
            servers = self._options.servers
            found = await describe(client, [self._topic], servers)
            if not found and create:
                await self._create(client)
                found = await describe(client, [self._topic], servers)
        if found:
            self._check(found[self._topic], create)
        return bool(found)

    async def _create(self, client: Any) -> None:
        settings = {**KEPT, MAX_MESSAGE_BYTES: str(MAX_RECORD), "message.timestamp.type": "CreateTime"}
        if self._options.replication is not None:
            settings[REPLICATION] = str(self._options.replication)
        await create(client, Topic(self._topic, 1, settings), self._options.servers)
        log.info("created topic %s", self._topic)

    def _check(self, topic: Topic, writes: bool) -> None:
        """Raise ConfigError for a topic that loses records, has no order, or whose settings a writer cannot see."""
        where = f"Kafka at {self._options.servers}: the journal topic {topic.name}"
        if topic.partitions != 1:
            raise ConfigError(f"{where} has {topic.partitions} partitions, a journal has 1: name or make another one")
        wrong = [f"{name}={value}" for name, value in KEPT.items() if topic.settings.get(name, value) != value]
        if wrong:
            raise ConfigError(f"{where} would lose records: set {', '.join(wrong)} (kafka-configs --alter)")
        if writes and not KEPT.keys() <= topic.settings.keys():
            raise ConfigError(f"{where} does not show its retention: allow DescribeConfigs on it")

    async def _connect_consumer(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._options.servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=MAX_RECORD,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **security(self._options),
        )
        try:
            async with guarded(self._options.servers, "connecting"):
                await consumer.start()
            consumer.assign([self._partition])
            async with guarded(self._options.servers, f"looking for the ends of {self._topic}"):
                first = (await consumer.beginning_offsets([self._partition]))[self._partition]
        except BaseException:
            await leave(consumer)
            raise
        if first > self._next:
            log.warning("the first %d records of the journal topic %s were deleted", first, self._topic)
            self._next = first
        consumer.seek(self._partition, self._next)
        self._consumer = consumer

    async def _end(self) -> int:
        assert self._consumer is not None
        async with guarded(self._options.servers, f"looking for the end of {self._topic}"):
            end: int = (await self._consumer.end_offsets([self._partition]))[self._partition]
        if end < self._next:
            raise ConfigError(
                f"Kafka at {self._options.servers}: the journal topic {self._topic} no longer holds what was read "
                "from it: it was emptied or made anew; bring it back, or start anew and run `templates rebuild`"
            )
        return end

    async def _poll(self) -> list[bytes]:
        """Return the next records, and go on behind them; one that cannot be read is empty, as damaged ones are."""
        consumer, where = self._consumer, self._partition
        assert consumer is not None
        try:
            fetched = await self._fetch(consumer, None)
        except _UnreadableError:
            consumer.seek(where, self._next)
            try:
                fetched = await self._fetch(consumer, 1)  # up to the one that it is
            except _UnreadableError as error:
                log.warning("the journal topic %s cannot be read at offset %d: %s", self._topic, self._next, error)
                self._next += 1
                consumer.seek(where, self._next)
                return [b""]
        return [record.value or b"" for record in fetched]

    async def _fetch(self, consumer: AIOKafkaConsumer, limit: int | None) -> Sequence[Any]:
        """Poll until records come, or the client passes what nobody sees. Raises UnavailableError for silence."""
        where = self._partition
        async with guarded(self._options.servers, f"reading {self._topic}", CALL_TIMEOUT):
            while True:
                fetched: Sequence[Any] = (await _polled(consumer, limit)).get(where, ())
                position: int = await consumer.position(where)
                if fetched or position > self._next:
                    self._next = position
                    return fetched

    async def _send(self, records: Sequence[bytes]) -> None:
        """Send batch by batch, each acknowledged before the next: what an error leaves behind is a prefix."""
        if self._producer is None:
            self._producer = await self._connect_producer()
        now = int(self._clock() * 1000)
        for batch in _batches(self._producer, records, now):
            future = await self._producer.send_batch(batch, self._topic, partition=0)
            try:
                await future
            finally:
                if future.done() and not future.cancelled():
                    future.exception()  # seen

    async def _connect_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._options.servers,
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **security(self._options),
        )
        try:
            async with guarded(self._options.servers, "connecting"):
                await producer.start()
        except BaseException:
            await discard(producer)
            raise
        return producer

    async def _discard_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer)


async def _polled(consumer: AIOKafkaConsumer, limit: int | None) -> Mapping[TopicPartition, Sequence[Any]]:
    try:
        fetched: Mapping[TopicPartition, Sequence[Any]] = await consumer.getmany(timeout_ms=_POLL_MS, max_records=limit)
    except _UNREADABLE as error:
        raise _UnreadableError(type(error).__name__) from error
    return fetched


def _batches(producer: AIOKafkaProducer, records: Sequence[bytes], timestamp: int) -> Iterator[BatchBuilder]:
    """Pack the records, in order; a batch takes its first record however large it is."""
    builder = None
    for record in records:
        if builder is not None:
            if builder.append(timestamp=timestamp, key=None, value=record, headers=[]) is not None:
                continue
            yield builder
        builder = producer.create_batch()
        builder.append(timestamp=timestamp, key=None, value=record, headers=[])
    if builder is not None:
        yield builder


class KafkaJournalMaker:
    """See `aura_stream.ports.JournalMaker`."""

    options: ClassVar[type[BaseModel]] = JournalOptions
    beside: ClassVar[str] = "kafka"

    def options_beside(self, connection: Connection, namespace: str) -> JournalOptions:
        """Return the options of a journal on the cluster of this input or output."""
        replication = connection.replication if isinstance(connection, SinkOptions) else None
        return JournalOptions(
            servers=connection.servers,
            tls=connection.tls,
            sasl=connection.sasl,
            topic=f"aura-journal-{namespace}",
            replication=replication,
        )

    def journal(self, options: JournalOptions, namespace: str) -> Journal:
        """Build a journal; it connects at `start`."""
        return KafkaJournal(options, namespace)


maker: JournalMaker = KafkaJournalMaker()
