"""Dead letters in Redis: what was a message of any system comes back as it was, with the note beside it."""

from __future__ import annotations

import pytest
from aura_connectors.mapping import to_records
from aura_connectors.redis_streams import SinkOptions
from redis.asyncio import Redis

from aura_stream.model import Batch, Entries, Partition, Records
from aura_stream.ports import Context, KeepsDeadLetters
from tests.integration.redis_tools import command, connector, entries, fetched, started_source, values_of

pytestmark = pytest.mark.integration

NOTE = b'{"reason": "made up"}'


async def buried_and_unearthed(url: str, stream: str, batch: Batch, **options: object) -> tuple[Batch, list[bytes]]:
    """Write a batch as dead letters and read it back; return what came, and the notes."""
    output = SinkOptions.model_validate({"url": url, "metadata": False, "maxlen": 1, **options})
    sink = connector.sink(connector.burying(output, "{source}.dead"), Context())
    await sink.start([])
    await sink.publish([connector.marked(batch, [NOTE] * len(batch))])
    await sink.stop()
    source = connector.source(connector.unearthing(output, "{source}.dead", [stream], "replay"), Context())
    await source.start()
    batches = await fetched(source, len(batch))
    await source.settle(batches)
    await source.stop()
    (back,) = batches
    unmarked, notes = connector.unmarked(back)
    return unmarked, [note for note in notes if note is not None]


def test_it_keeps_dead_letters() -> None:
    assert isinstance(connector, KeepsDeadLetters)
    assert connector.dead_letter_key == "stream"


async def test_entries_come_back_with_every_field_in_its_place(redis: Redis, redis_url: str, stream: str) -> None:
    rows = [
        ["d", "alone"],
        ["a", "1", "d", "first", "a", "2", "d", "second"],
        [b"\xff\x00", b"\xfe", "other", ""],
        ["x", "", "d", ""],
        ["d", "noted before", "aura.dead", "an older note"],
        ["aura.dead", "no message, one note"],
    ]
    for row in rows:
        await command(redis, "XADD", stream, "*", *row)
    async with started_source(redis_url, stream) as source:
        (batch,) = await fetched(source, len(rows))
    back, notes = await buried_and_unearthed(redis_url, stream, batch)
    assert notes == [NOTE] * len(rows)
    assert list(back.values) == list(batch.values)
    assert isinstance(back.metadata, Entries)
    assert isinstance(batch.metadata, Entries)
    assert [list(fields) for fields in back.metadata.fields] == [list(fields) for fields in batch.metadata.fields]
    assert list(back.metadata.places) == list(batch.metadata.places)


async def test_records_come_back_with_key_headers_timestamp_and_partition(redis_url: str, stream: str) -> None:
    records = Records(
        [b"k", None, b""],
        [[("h", b"v"), ("h", None)], [], [("aura.dead", b"a header")]],
        [1700000000000, 5, 7],
        [0, 1, 0],
    )
    batch = Batch(Partition(stream, 3), [b"value", None, b""], [7, 8, 9], records)
    back, notes = await buried_and_unearthed(redis_url, stream, batch)
    assert notes == [NOTE] * 3
    assert list(back.values) == [b"value", None, b""]
    restored, partitions = to_records(back)
    assert list(restored.keys) == list(records.keys)
    assert [list(headers) for headers in restored.headers] == [list(headers) for headers in records.headers]
    assert (list(restored.timestamps), list(restored.timestamp_types)) == (records.timestamps, records.timestamp_types)
    assert list(partitions) == [3, 3, 3]


async def test_values_alone_come_back_null_or_empty_as_they_were(redis_url: str, stream: str) -> None:
    batch = Batch(Partition(stream), [b"value", None, b""], [0, 1, 2])
    back, _ = await buried_and_unearthed(redis_url, stream, batch)
    assert list(back.values) == [b"value", None, b""]


async def test_the_message_may_stand_in_another_field(redis: Redis, redis_url: str, stream: str) -> None:
    batch = Batch(Partition(stream), [b"value"], [0])
    back, _ = await buried_and_unearthed(redis_url, stream, batch, field="payload")
    assert list(back.values) == [b"value"]


async def test_what_was_settled_is_no_dead_letter_any_more(redis: Redis, redis_url: str, stream: str) -> None:
    await buried_and_unearthed(redis_url, stream, Batch(Partition(stream), [b"value"], [0]))
    assert await entries(redis, f"{stream}.dead") == []


async def test_dead_letters_of_several_inputs_may_share_a_stream(redis_url: str, stream: str) -> None:
    output = SinkOptions.model_validate({"url": redis_url})
    shared = connector.unearthing(output, f"{stream}.dead", ["a", "b"], "replay")
    assert list(shared.streams) == [f"{stream}.dead"]
    apart = connector.unearthing(output, "{source}.dead", ["a", "b"], "replay")
    assert list(apart.streams) == ["a.dead", "b.dead"]


async def test_an_entry_without_a_note_is_read_as_it_is(redis: Redis, redis_url: str, stream: str) -> None:
    await command(redis, "XADD", stream, "*", "aura.dead", "a field in front", "d", "message", "x", "1")
    async with started_source(redis_url, stream) as source:
        (batch,) = await fetched(source, 1)
    unmarked, notes = connector.unmarked(batch)
    assert notes == [None]
    assert values_of([unmarked]) == [b"message"]
