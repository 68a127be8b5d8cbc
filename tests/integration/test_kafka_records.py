"""Records travel through a source and a sink as they are, in order, on a real broker."""

from __future__ import annotations

import pytest

from aura_stream.errors import UnwritableMessageError
from aura_stream.model import Batch, Entries, Partition, Records, Topic
from tests.infra.kafka.tools import Record, create_topic, produce, read_all
from tests.integration.kafka_support import copy_until_finished, fetch_some, inputs_of, sink_to, source_of, unique

pytestmark = pytest.mark.integration

AWKWARD = [
    Record(b"plain", key=b"k1"),
    Record(b"no key"),
    Record(None, key=b"tombstone"),
    Record(None),  # neither key nor value: brokers hold such records
    Record(b"", key=b""),
    Record(b"headers", headers=(("a", b"1"), ("a", b"2"), ("b", None), ("", b""), ("\u00fc", bytes(range(256))))),
    Record(bytes(range(256)) * 300, key=bytes(range(256))),
    Record(b"before the epoch's first second", timestamp=0),
    Record(b"without a timestamp", timestamp=-1),
    Record(b"long ago", timestamp=1_000_000_000_000),
]


async def copy(servers: str, topic: str, output: str, **options: object) -> list[Record]:
    """Copy a whole topic, and return what arrived."""
    async with (
        source_of(servers, topic, once=True) as source,
        sink_to(servers, output, await inputs_of(servers, topic), **options) as sink,
    ):
        await copy_until_finished(source, sink.publish)
    return await read_all(servers, output)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "snappy", "gzip", "none"])
async def test_everything_of_a_record_arrives_under_each_compression(kafka: str, compression: str) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, AWKWARD)
    await copy(kafka, topic, "{source}.aura", compression=compression)
    assert await read_all(kafka, f"{topic}.aura") == AWKWARD


async def test_each_partition_keeps_its_records_in_order(kafka: str) -> None:
    topic = unique()
    records = [Record(b"%d" % number, partition=number % 5) for number in range(20_000)]
    await create_topic(kafka, topic, partitions=5)
    await produce(kafka, topic, records)
    arrived = await copy(kafka, topic, f"{topic}-out", compression="none")
    assert arrived == sorted(records, key=lambda record: record.partition)


async def test_several_inputs_share_an_output_by_key_as_java_clients_place_it(kafka: str) -> None:
    topics = [unique(), unique()]
    output = unique("out")
    for topic in topics:
        await create_topic(kafka, topic, partitions=2)
        await produce(kafka, topic, [Record(topic.encode(), key=key) for key in (b"21", b"foobar", b"abc")])
        await produce(kafka, topic, [Record(topic.encode(), partition=1)])
    async with source_of(kafka, *topics, once=True) as source:
        inputs = await inputs_of(kafka, *topics)
        async with sink_to(kafka, output, inputs, partition="by_key", partitions=16) as sink:
            await copy_until_finished(source, sink.publish)
    # murmur2 of Kafka's own UtilsTest: 21 -> -973932308, foobar -> -790332482, abc -> 479470107
    expected = {b"21": (-973932308 & 0x7FFFFFFF) % 16, b"foobar": (-790332482 & 0x7FFFFFFF) % 16}
    expected |= {b"abc": 479470107 % 16, None: 1}
    arrived = await read_all(kafka, output)
    assert len(arrived) == 8
    assert {record.key: record.partition for record in arrived} == expected


async def test_messages_without_metadata_get_the_present_time(kafka: str) -> None:
    output = unique("out")
    async with sink_to(kafka, output, [Topic("lines.log")]) as sink:
        await sink.publish([Batch(Partition("lines.log"), [b"one", None], [1, 2])])
    first, second = await read_all(kafka, output)
    assert (first.key, first.headers, first.value, second.value) == (None, (), b"one", None)
    assert first.timestamp > 1_700_000_000_000


async def test_entries_of_a_stream_become_records_with_their_fields_in_a_header(kafka: str) -> None:
    output = unique("out")
    entries = Entries([b"1700000000123-0", b"1700000000124-0"], [[], [(b"kind", b"x")]], [0, 0])
    async with sink_to(kafka, output, [Topic("stream")]) as sink:
        await sink.publish([Batch(Partition("stream"), [b"one", b"two"], ["a", "b"], entries)])
    first, second = await read_all(kafka, output)
    assert (first.value, first.timestamp) == (b"one", 1_700_000_000_123)
    assert [name for name, _ in second.headers] == ["aura.fields"]


async def test_metadata_can_be_left_out(kafka: str) -> None:
    output = unique("out")
    records = Records([b"key"], [[("a", b"1")]], [1_700_000_000_000], [0])
    async with sink_to(kafka, output, [Topic("input")], metadata=False) as sink:
        await sink.publish([Batch(Partition("input"), [b"value"], [0], records)])
    assert await read_all(kafka, output) == [Record(b"value")]


async def test_an_oversized_message_is_named_before_anything_of_its_batch_is_written(kafka: str) -> None:
    topic, output = unique(), unique("out")
    await create_topic(kafka, output, max_message_bytes="10000")
    incompressible = [b"small", bytes(range(256)) * 40]
    async with sink_to(kafka, output, [Topic(topic)], compression="none") as sink:
        with pytest.raises(UnwritableMessageError, match=r"max\.message\.bytes=10000") as caught:
            await sink.publish([Batch(Partition(topic), incompressible, [0, 1])])
        assert (caught.value.batch, caught.value.index) == (0, 1)
        assert await read_all(kafka, output) == []
        await sink.publish([Batch(Partition(topic), [b"goes on"], [2])])
    assert [record.value for record in await read_all(kafka, output)] == [b"goes on"]


async def test_a_message_is_as_large_as_it_is_compressed(kafka: str) -> None:
    output = unique("out")
    await create_topic(kafka, output, max_message_bytes="10000")
    large = b"repetition " * 100_000
    async with sink_to(kafka, output, [Topic("input")]) as sink:
        await sink.publish([Batch(Partition("input"), [b"small", large, b"small"], [0, 1, 2])])
    assert [record.value for record in await read_all(kafka, output)] == [b"small", large, b"small"]


async def test_a_compacted_topic_refuses_a_message_without_a_key(kafka: str) -> None:
    output = unique("out")
    await create_topic(kafka, output, cleanup_policy="compact")
    keys = Records([b"key", None], [[], []], [1_700_000_000_000] * 2, [0, 0])
    async with sink_to(kafka, output, [Topic("input")]) as sink:
        with pytest.raises(UnwritableMessageError, match="without a key") as caught:
            await sink.publish([Batch(Partition("input"), [b"a", b"b"], [0, 1], keys)])
    assert caught.value.index == 1


async def test_batches_are_cut_to_the_limits_of_a_fetch(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, [Record(b"%03d" % number) for number in range(100)])
    async with source_of(kafka, topic) as source:
        first = await fetch_some(source)
        assert [len(batch) for batch in first] == [100]
    async with source_of(kafka, topic) as source:
        sizes = []
        while sum(sizes) < 100:
            sizes += [len(batch) for batch in await source.fetch(1000, 30, 0.2)]
        assert set(sizes) == {10}
