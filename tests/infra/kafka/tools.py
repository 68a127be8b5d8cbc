"""What tests do to a broker, with aiokafka alone and nothing of ours: make a topic, write, read everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest


@dataclass(frozen=True)
class Record:
    """One record, as written and as read back."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = 1_700_000_000_000
    partition: int = 0


@asynccontextmanager
async def administering(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Open an admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def create_topic(servers: str, name: str, partitions: int = 1, **settings: str) -> None:
    """Create a topic; in settings an underscore stands for a dot. Records of any age are kept for ever."""
    configs = {"retention.ms": "-1"} | {setting.replace("_", "."): value for setting, value in settings.items()}
    async with administering(servers) as client:
        answer = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        assert [code for _, code, *_ in answer.topic_errors] == [0]


TOPIC, GROUP = 2, 3  # resource types of the protocol
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}


async def allow(servers: str, user: str, kind: int, name: str, *operations: str) -> None:
    """Allow a user some operations on one topic or group."""
    literal, allowed = 3, 3
    async with administering(servers) as client:
        for operation in operations:
            request = CreateAclsRequest(kind, name, literal, f"User:{user}", "*", OPERATIONS[operation], allowed)
            answer = await client._send_to_controller(request)
            assert [code for code, _ in answer.creation_responses] == [0]


async def disallow(servers: str, user: str, kind: int, name: str, *operations: str) -> None:
    """Take such permissions away again."""
    literal, allowed = 3, 3
    async with administering(servers) as client:
        for operation in operations:
            request = DeleteAclsRequest(kind, name, literal, f"User:{user}", "*", OPERATIONS[operation], allowed)
            answer = await client._send_to_controller(request)
            ((code, _, matching),) = answer.filter_responses
            assert (code, len(matching)) == (0, 1)


async def settings_of(servers: str, topic: str) -> Mapping[str, str]:
    """Return the topic's settings."""
    async with administering(servers) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    ((_, _, _, _, entries),) = answer.resources
    return {entry[0]: entry[1] for entry in entries}


async def topics_of(servers: str) -> Mapping[str, int]:
    """Return all topics and their partition counts."""
    async with administering(servers) as client:
        return {topic["topic"]: len(topic["partitions"]) for topic in await client.describe_topics()}


async def delete_records(servers: str, topic: str, before: int) -> None:
    """Delete the first records of partition 0, as retention does."""
    async with administering(servers) as client:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=before)})


async def produce(servers: str, topic: str, records: Sequence[Record]) -> None:
    """Write records in order."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True)
    await producer.start()
    try:
        for partition in sorted({record.partition for record in records}):
            await _append(producer, topic, partition, [r for r in records if r.partition == partition])
    finally:
        await producer.stop()


async def produce_transaction(servers: str, topic: str, records: Sequence[Record], *, commit: bool) -> None:
    """Write records in one transaction, which ends with a control record."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=f"test-{topic}")
    await producer.start()
    try:
        await producer.begin_transaction()
        await _append(producer, topic, 0, records)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


async def _append(producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Record]) -> None:
    batch = producer.create_batch()
    for record in records:
        row: dict[str, Any] = {"timestamp": record.timestamp, "key": record.key, "value": record.value}
        row["headers"] = list(record.headers)
        if batch.append(**row) is None:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(**row)
    if batch.record_count():
        await (await producer.send_batch(batch, topic, partition=partition))


async def read_all(servers: str, topic: str) -> list[Record]:
    """Return all committed records of a topic, partition by partition; [] if there is no such topic."""
    count = (await topics_of(servers)).get(topic, 0)
    if not count:
        return []
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, index) for index in range(count)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: dict[TopicPartition, list[Record]] = {tp: [] for tp in partitions}
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for tp, fetched in (await consumer.getmany(timeout_ms=200)).items():
                records[tp] += [Record(r.value, r.key, r.headers, r.timestamp, r.partition) for r in fetched]
    finally:
        await consumer.stop()
    return [record for tp in partitions for record in records[tp]]


async def committed_of(servers: str, group: str, topic: str) -> Mapping[int, int]:
    """Return the group's committed offset of each partition that has one."""
    async with administering(servers) as client, asyncio.timeout(30):
        while True:
            try:
                offsets = await client.list_consumer_group_offsets(group)
                break
            except GroupCoordinatorNotAvailableError:  # the topic of the offsets is being made
                await asyncio.sleep(0.1)
    return {tp.partition: found.offset for tp, found in offsets.items() if tp.topic == topic}


async def wait_until_empty(servers: str, group: str) -> None:
    """Wait until the broker has given up every member of the group."""
    async with administering(servers) as client, asyncio.timeout(60):
        state = ""
        while state != "Empty":
            await asyncio.sleep(0.1)
            (answer,) = await client.describe_consumer_groups([group])
            ((_, _, state, *_),) = answer.groups
