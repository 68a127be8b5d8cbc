"""What a group has not settled yet, for somebody who only looks: no member of it, with no position of their own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from aura_connectors.kafka.client import REQUEST_TIMEOUT_MS, admin, guarded, leave, probe, security
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.reader import UNREADABLE, to_batch
from aura_connectors.kafka.topics import describe
from aura_stream.errors import MessageError, UnavailableError
from aura_stream.model import Batch, Topic

PATIENCE: Final = 15.0  # seconds without a record though there are some
POLL_MS: Final = 500
MAX_RECORDS: Final = 1000


async def unsettled(options: SourceOptions) -> AsyncIterator[Batch]:
    """Yield what a member of the group would read of these topics now, partition by partition.

    Raises UnavailableError, ConfigError, and MessageError for a record that cannot be read.
    """
    await probe(options)
    async with admin(options) as client:
        topics = await describe(client, options.topics, options.servers)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=options.servers,
        group_id=options.group,  # to ask for its offsets; without a subscription nobody joins
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        **security(options),
    )
    try:
        async with guarded(options.servers, "connecting"):
            await consumer.start()
        for name in dict.fromkeys(options.topics):
            if name in topics:
                for partition in _partitions(topics[name]):
                    async for batch in _read(consumer, partition, options):
                        yield batch
    finally:
        await leave(consumer)


def _partitions(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, index) for index in range(topic.partitions)]


async def _read(consumer: AIOKafkaConsumer, partition: TopicPartition, options: SourceOptions) -> AsyncIterator[Batch]:
    consumer.assign([partition])
    place = f"{partition.topic}/{partition.partition}"
    async with guarded(options.servers, f"asking how far {place} is settled"):
        end = (await consumer.end_offsets([partition]))[partition]
        first = (await consumer.beginning_offsets([partition]))[partition]
        settled = await consumer.committed(partition)
    at = first if settled is None else max(first, settled)
    consumer.seek(partition, at)
    heard = time.monotonic()
    while at < end:
        try:
            async with guarded(options.servers, f"reading {place}", PATIENCE):
                fetched = await consumer.getmany(partition, timeout_ms=POLL_MS, max_records=MAX_RECORDS)
                at = await consumer.position(partition)  # behind control records, which nobody sees
        except UNREADABLE as error:
            raise MessageError(f"{place} behind offset {at}: a record cannot be read", place, at) from error
        records = [record for record in fetched.get(partition, ()) if record.offset < end]
        if records:
            heard = time.monotonic()
            yield to_batch(partition, records, epoch=0)
        elif time.monotonic() > heard + PATIENCE:
            raise UnavailableError(f"Kafka at {options.servers}: no record of {place} came within {PATIENCE:g} s")
