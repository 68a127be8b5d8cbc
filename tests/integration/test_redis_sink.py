"""The Redis sink: what it writes, in which order, and what it does when the server cannot."""

from __future__ import annotations

import asyncio

import msgpack
import pytest
from aura_connectors.redis_streams import sink as sink_module
from redis.asyncio import Redis

from aura_stream.app.embedded import free_port
from aura_stream.errors import ConfigError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Entries, Partition, Records
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import (
    add,
    command,
    entries,
    fetched,
    numbered,
    started_sink,
    started_source,
    values_of,
)

pytestmark = pytest.mark.integration


def values(topic: str, *messages: bytes | None) -> Batch:
    """Return a batch without metadata, as files give it."""
    return Batch(Partition(topic), messages, range(len(messages)))


def with_fields(*rows: tuple[bytes | None, list[tuple[bytes, bytes]], int]) -> Batch:
    """Return a batch as a Redis source gives it."""
    messages, fields, places = zip(*rows, strict=True)
    ids = [b"1-%d" % row for row in range(1, len(rows) + 1)]
    return Batch(Partition("in"), messages, [i.decode() for i in ids], Entries(ids, fields, places))


async def test_fields_stand_where_they_stood(redis: Redis, redis_url: str, stream: str) -> None:
    batch = with_fields(
        (b"one", [], 0),
        (b"two", [(b"a", b"1"), (b"a", b"2"), (b"d", b"other")], 1),
        (b"", [(b"\xff", b"\x00")], 1),
        (None, [(b"a", b"")], -1),
    )
    async with started_sink(redis_url, "in", stream=stream) as sink:
        await sink.publish([batch])
    assert await entries(redis, stream) == [
        [b"d", b"one"],
        [b"a", b"1", b"d", b"two", b"a", b"2", b"d", b"other"],
        [b"\xff", b"\x00", b"d", b""],
        [b"a", b""],
    ]


async def test_records_keep_their_metadata_in_a_field(redis: Redis, redis_url: str, stream: str) -> None:
    records = Records([b"k", None], [[("h", b"v")], []], [1700000000000, 5], [0, 1])
    batch = Batch(Partition("in", 3), [b"value", None], [7, 8], records)
    async with started_sink(redis_url, "in", stream=stream) as sink:
        await sink.publish([batch])
    (name, value, *rest), null = await entries(redis, stream)
    assert (name, value, rest[0], null[0]) == (b"d", b"value", b"aura", b"aura")
    assert msgpack.unpackb(rest[1]) == [1, b"k", 1700000000000, 0, [["h", b"v"]], 3]
    assert msgpack.unpackb(null[1]) == [1, None, 5, 1, [], 3]


async def test_metadata_of_records_can_be_dropped(redis: Redis, redis_url: str, stream: str) -> None:
    batch = Batch(Partition("in"), [b"value"], [7], Records([b"k"], [[]], [5], [0]))
    async with started_sink(redis_url, "in", stream=stream, metadata=False) as sink:
        await sink.publish([batch])
    assert await entries(redis, stream) == [[b"d", b"value"]]


async def test_several_inputs_may_share_one_output_or_have_one_each(redis: Redis, redis_url: str, stream: str) -> None:
    a, b = f"{stream}-a", f"{stream}-b"
    async with started_sink(redis_url, a, b, stream=f"{stream}-all") as sink:
        await sink.publish([values(a, b"1"), values(b, b"2"), values(a, b"3")])
    assert await entries(redis, f"{stream}-all") == [[b"d", b"1"], [b"d", b"2"], [b"d", b"3"]]
    async with started_sink(redis_url, a, b) as sink:
        await sink.publish([values(a, b"1"), values(b, b"2"), values(a, b"3")])
    assert await entries(redis, f"{a}.aura") == [[b"d", b"1"], [b"d", b"3"]]
    assert await entries(redis, f"{b}.aura") == [[b"d", b"2"]]


async def test_maxlen_trims_to_about_so_many(redis: Redis, redis_url: str, stream: str) -> None:
    async with started_sink(redis_url, "in", stream=stream, maxlen=500) as sink:
        await sink.publish([values("in", *numbered(0, 3000))])
        await sink.publish([values("in", b"one more")])
    left = await entries(redis, stream)
    assert 500 <= len(left) <= 700  # whole nodes of 100 entries
    assert left[-1] == [b"d", b"one more"]


async def test_messages_of_every_size_arrive_in_order(redis: Redis, redis_url: str, stream: str) -> None:
    large = [bytes([row]) * (3 << 20) for row in range(3)]
    wide = [(b"f%d" % row, b"v") for row in range(5000)]  # more than a script passes on at once
    batch = with_fields(
        (b"first", [], 0),
        *((message, [], 0) for message in large),
        (b"among many", wide, 2500),
        *((message, [], 0) for message in numbered(0, 5000)),
        (b"\x00" * (9 << 20), [], 0),
        (b"last", [], 0),
    )
    async with started_sink(redis_url, "in", stream=stream) as sink:
        await sink.publish([batch])
    async with started_source(redis_url, stream) as source:
        copies = await fetched(source, len(batch))
    assert values_of(copies) == list(batch.values)
    (copy,) = [batch for batch in copies if b"among many" in batch.values]
    assert isinstance(copy.metadata, Entries)
    row = list(copy.values).index(b"among many")
    assert (list(copy.metadata.fields[row]), copy.metadata.places[row]) == (wide, 2500)


async def test_a_message_longer_than_redis_allows_is_refused_before_anything_is_written(
    redis: Redis, redis_url: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "MAX_ELEMENT", 1000)  # 512 MiB in truth
    async with started_sink(redis_url, "in", stream=stream) as sink:
        with pytest.raises(UnwritableMessageError) as caught:
            await sink.publish([values("in", b"good"), values("in", b"also good", b"x" * 1001)])
    assert (caught.value.batch, caught.value.index) == (1, 1)
    assert await entries(redis, stream) == []


@pytest.mark.parametrize(
    "row", [(b"message", [(b"payload", b"not the message")], 1), (None, [(b"payload", b"no message at all")], -1)]
)
async def test_an_entry_whose_message_would_be_mistaken_is_refused(
    redis: Redis, redis_url: str, stream: str, row: tuple[bytes | None, list[tuple[bytes, bytes]], int]
) -> None:
    async with started_sink(redis_url, "in", stream=stream, field="payload") as sink:
        with pytest.raises(UnwritableMessageError, match="payload"):
            await sink.publish([with_fields(row)])


async def test_what_is_no_stream_is_refused(redis: Redis, redis_url: str, stream: str) -> None:
    await command(redis, "SET", stream, "text")
    with pytest.raises(ConfigError, match="is a string, not a stream"):
        async with started_sink(redis_url, "in", stream=stream):
            pass


# Bad days


async def test_a_full_server_pauses_and_nothing_is_dropped(start_redis: StartRedis, stream: str) -> None:
    server = start_redis()
    redis = raw_client(server.url)
    messages = numbered(0, 5000)
    async with started_sink(server.url, "in", stream=stream) as sink:
        await sink.publish([values("in", b"before")])
        await command(redis, "CONFIG", "SET", "maxmemory", "1mb")
        for _ in range(2):
            with pytest.raises(UnavailableError, match="takes no writes"):
                await sink.publish([values("in", *messages)])
        assert await entries(redis, stream) == [[b"d", b"before"]]
        await command(redis, "CONFIG", "SET", "maxmemory", "0")
        await sink.publish([values("in", *messages)])
    assert await entries(redis, stream) == [[b"d", message] for message in (b"before", *messages)]
    await redis.aclose()


async def test_a_server_that_became_a_replica_pauses(start_redis: StartRedis, stream: str) -> None:
    server = start_redis()
    redis = raw_client(server.url)
    async with started_sink(server.url, "in", stream=stream) as sink:
        await command(redis, "REPLICAOF", "127.0.0.1", free_port())
        for batch in (values("in", b"one", b"two"), values("in", b"one")):
            with pytest.raises(UnavailableError):
                await sink.publish([batch])
        await command(redis, "REPLICAOF", "NO", "ONE")
        await sink.publish([values("in", b"one")])
    assert await entries(redis, stream) == [[b"d", b"one"]]
    await redis.aclose()


async def test_it_goes_on_after_the_server_restarted(start_redis: StartRedis, stream: str) -> None:
    server = start_redis(port=free_port())
    async with started_sink(server.url, "in", stream=stream) as sink:
        await sink.publish([values("in", b"one", b"two")])
        server.stop()
        with pytest.raises(UnavailableError, match="does not answer"):
            await sink.publish([values("in", b"three", b"four")])
        server.start()  # it kept nothing, the scripts neither
        await sink.publish([values("in", b"three", b"four")])
    redis = raw_client(server.url)
    assert await entries(redis, stream) == [[b"d", b"three"], [b"d", b"four"]]
    await redis.aclose()


async def test_a_write_without_an_answer_is_unavailable_and_never_sent_twice(redis_url: str, stream: str) -> None:
    """A server that takes the command and dies before it answers."""
    commands: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while received := await reader.read(1 << 16):
            commands.append(received)
            if b"XADD" in received:
                break
            # One answer for each command: CLIENT SETINFO twice when connecting, then PING and TYPE.
            for word in (word for word in received.split(b"\r\n") if word in (b"CLIENT", b"PING", b"TYPE")):
                writer.write(b"+none\r\n" if word == b"TYPE" else b"+OK\r\n")
        writer.close()

    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, started_sink(f"redis://127.0.0.1:{port}", "in", stream=stream) as sink:
        with pytest.raises(UnavailableError):
            await sink.publish([values("in", b"once")])
    assert sum(received.count(b"XADD") for received in commands) == 1


async def test_a_sink_copies_what_a_source_reads(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 2000))
    async with started_source(redis_url, stream) as source, started_sink(redis_url, stream) as sink:
        batches = await fetched(source, 2000)
        await sink.publish(batches)
        await source.settle(batches)
    assert await entries(redis, f"{stream}.aura") == await entries(redis, stream)
