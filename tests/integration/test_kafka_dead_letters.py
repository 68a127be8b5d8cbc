"""Dead letters in Kafka: they hold everything that came in, stay where others would be deleted, and come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aura_connectors.kafka import KafkaSink, KafkaSource, SinkOptions, connector

from aura_stream.model import Batch, Entries, Metadata, Partition, Records, Topic
from aura_stream.ports import Context, KeepsDeadLetters
from tests.infra.kafka.tools import Record, create_topic, produce, read_all, settings_of
from tests.integration.kafka_support import copy_until_finished, fetch_some, inputs_of, sink_to, source_of, unique

pytestmark = pytest.mark.integration

NOTE = b'{"reason": "r"}'


async def bury(servers: str, inputs: Sequence[Topic], letters: Sequence[Batch], **options: Any) -> SinkOptions:
    """Write dead letters beside an output with these options, which are returned."""
    output = SinkOptions(servers=servers, **options)
    sink = connector.sink(connector.burying(output, "{source}.dead"), Context("ns"))
    try:
        await sink.start(inputs)
        await sink.publish([connector.marked(batch, [NOTE] * len(batch)) for batch in letters])
    finally:
        await sink.stop()
    return output


async def unearth(
    output: SinkOptions, inputs: Sequence[Topic], count: int
) -> list[tuple[Batch, Sequence[bytes | None]]]:
    """Read them back."""
    options = connector.unearthing(output, "{source}.dead", [topic.name for topic in inputs], unique("replay"))
    source = KafkaSource(options, Context("ns"))
    try:
        await source.start()
        return [connector.unmarked(batch) for batch in await fetch_some(source, count)]
    finally:
        await source.stop()


def test_the_connector_keeps_dead_letters() -> None:
    assert isinstance(connector, KeepsDeadLetters)
    assert connector.dead_letter_key == "topic"


async def test_a_record_comes_back_as_it_came_in(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, 2)
    records = [
        Record(b"\x00\xff", b"key", (("name", b"1"), ("name", None), ("", b"")), 1_700_000_000_123, 1),
        Record(None, None, (), 1_700_000_000_124, 1),
        Record(b"", b"", (("aura.dead", b"it was one before"),), 1_700_000_000_125, 0),
    ]
    await produce(kafka, topic, records)
    inputs = await inputs_of(kafka, topic)
    async with source_of(kafka, topic) as source:
        fetched = await fetch_some(source, 3)
    output = await bury(kafka, inputs, fetched, metadata=False, partition="same")
    by_place = {(batch.partition.index, batch.positions[0]): batch for batch in fetched}
    back = await unearth(output, inputs, 3)
    assert sum(len(batch) for batch, _ in back) == 3
    for batch, notes in back:
        original = by_place[batch.partition.index, batch.positions[0]]
        assert (batch.values, _plain(batch.metadata)) == (original.values, _plain(original.metadata))
        assert set(notes) == {NOTE}
    async with source_of(kafka, f"{topic}.dead", once=True) as source, sink_to(kafka, f"{topic}.back", inputs) as sink:

        async def publish(batches: Sequence[Batch]) -> None:
            await sink.publish([_of(topic, connector.unmarked(batch)[0]) for batch in batches])

        await copy_until_finished(source, publish)
    assert await read_all(kafka, f"{topic}.back") == sorted(records, key=lambda record: record.partition)


def _of(topic: str, batch: Batch) -> Batch:
    return Batch(Partition(topic, batch.partition.index), batch.values, batch.positions, batch.metadata)


def _plain(metadata: Metadata) -> object:
    assert isinstance(metadata, Records)
    headers = [list(map(tuple, row)) for row in metadata.headers]
    return list(metadata.keys), headers, list(metadata.timestamps)


async def test_an_entry_of_redis_comes_back_with_its_fields(kafka: str) -> None:
    stream = Topic(unique("stream"))
    entries = Entries([b"1700000000123-4"], [[(b"level", b"\xff"), (b"level", b"")]], [1])
    output = await bury(kafka, [stream], [Batch(Partition(stream.name), [b"frame"], ["1700000000123-4"], entries)])
    (record,) = await read_all(kafka, f"{stream.name}.dead")
    assert (record.value, record.key, record.timestamp) == (b"frame", None, 1_700_000_000_123)
    assert [name for name, _ in record.headers] == ["aura.fields", "aura.dead"]
    ((batch, notes),) = await unearth(output, [stream], 1)
    assert notes == [NOTE]
    assert isinstance(batch.metadata, Records)
    assert [name for name, _ in batch.metadata.headers[0]] == ["aura.fields"]  # which a Redis output turns back


async def test_a_line_of_a_file_gets_the_present_time(kafka: str) -> None:
    lines = Topic(unique("lines"))
    await bury(kafka, [lines], [Batch(Partition(lines.name), [b"a", b"b"], [0, 1])])
    records = await read_all(kafka, f"{lines.name}.dead")
    assert [record.value for record in records] == [b"a", b"b"]
    assert all(record.timestamp > 1_700_000_000_000 for record in records)


async def test_letters_of_a_compacted_input_are_not_compacted_and_stay(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, cleanup_policy="compact", retention_ms="1000", max_message_bytes="5000")
    inputs = await inputs_of(kafka, topic)
    same = Records([b"key", b"key"], [(), ()], [1_000, 2_000], [0, 0])
    await bury(kafka, inputs, [Batch(Partition(topic), [b"1", b"2"], [0, 1], same)])
    made = await settings_of(kafka, f"{topic}.dead")
    assert (made["cleanup.policy"], made["retention.ms"]) == ("delete", "-1")
    assert int(made["max.message.bytes"]) > 5000 + len(NOTE)  # a message as large as may be, and its note
    assert [record.value for record in await read_all(kafka, f"{topic}.dead")] == [b"1", b"2"]


async def test_letters_are_kept_as_long_as_what_they_come_from(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, 3, retention_ms="123456789")
    await bury(kafka, await inputs_of(kafka, topic), [], partitions=7)
    assert (await settings_of(kafka, f"{topic}.dead"))["retention.ms"] == "123456789"
    assert isinstance(connector.sink(SinkOptions(servers=kafka), Context()), KafkaSink)
