"""The last values of topics, without a consumer group."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from aura_connectors.kafka.client import REQUEST_TIMEOUT_MS, admin, guarded, leave, probe, security
from aura_connectors.kafka.options import SOURCE_PLACEHOLDER, SinkOptions, SourceOptions
from aura_connectors.kafka.topics import describe
from aura_stream.errors import UnavailableError
from aura_stream.model import Topic

PATIENCE = 15.0  # seconds without a record though there are some
POLL_MS = 500


async def read_tail(options: SourceOptions | SinkOptions, inputs: Sequence[str], limit: int) -> dict[str, list[bytes]]:
    """See `aura_stream.ports.Tail`; of each topic, an equal share from every partition."""
    if isinstance(options, SourceOptions):
        names = list(options.topics)
    else:
        names = [options.topic.replace(SOURCE_PLACEHOLDER, name) for name in inputs]
    await probe(options)
    async with admin(options) as client:
        topics = await describe(client, names, options.servers)
    if not topics:  # a consumer that is stopped before it was ever assigned anything may fail at it
        return {}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=options.servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        **security(options),
    )
    try:
        async with guarded(options.servers, "connecting"):
            await consumer.start()
        return {name: await _last(consumer, topics[name], options.servers, limit) for name in topics}
    finally:
        await leave(consumer)


async def _last(consumer: AIOKafkaConsumer, topic: Topic, servers: str, limit: int) -> list[bytes]:
    partitions = [TopicPartition(topic.name, index) for index in range(topic.partitions)]
    consumer.assign(partitions)
    async with guarded(servers, f"asking where topic {topic.name} ends"):
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
    share = -(-limit // max(1, len(partitions)))
    starts = {each: max(begins[each], ends[each] - share) for each in partitions}
    for partition, start in starts.items():
        consumer.seek(partition, start)
    values: list[bytes] = []
    left = {each for each in partitions if starts[each] < ends[each]}
    deadline = time.monotonic() + PATIENCE
    while left:
        async with guarded(servers, f"reading topic {topic.name}", PATIENCE):
            records = await consumer.getmany(*left, timeout_ms=POLL_MS)
            reached = {each: await consumer.position(each) for each in left}
        for partition, found in records.items():
            values += [each.value for each in found if each.value is not None and each.offset < ends[partition]]
        deadline = time.monotonic() + PATIENCE if records else deadline
        left = {each for each in left if reached[each] < ends[each]}
        if left and time.monotonic() > deadline:
            raise UnavailableError(f"Kafka at {servers}: no record of topic {topic.name} came within {PATIENCE:g} s")
    return values
