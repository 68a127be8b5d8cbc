"""The Redis source: what it reads, what it settles, and how it comes back."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest
from aura_connectors.redis_streams import client as client_module
from aura_connectors.redis_streams import source as source_module
from redis.asyncio import Redis

from aura_stream.app.embedded import free_port
from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.model import Entries
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import (
    GROUP,
    add,
    command,
    entries,
    fetched,
    loaded,
    new_source,
    numbered,
    pending,
    started_source,
    values_of,
)

pytestmark = pytest.mark.integration


# What an entry is


async def test_an_entry_keeps_every_field_in_its_place(redis: Redis, redis_url: str, stream: str) -> None:
    await command(redis, "XADD", stream, "1-1", "a", "1", "d", "first", "a", "2", "d", "second")
    await command(redis, "XADD", stream, "1-2", b"\xff\x00", b"\xfe", "other", "")
    await command(redis, "XADD", stream, "1-3", "d", "")
    async with started_source(redis_url, stream) as source:
        (batch,) = await source.fetch(10, 1 << 20, 5)
    assert batch.values == [b"first", None, b""]
    assert batch.positions == ["1-1", "1-2", "1-3"]
    assert isinstance(batch.metadata, Entries)
    assert batch.metadata.ids == [b"1-1", b"1-2", b"1-3"]
    assert [list(fields) for fields in batch.metadata.fields] == [
        [(b"a", b"1"), (b"a", b"2"), (b"d", b"second")],
        [(b"\xff\x00", b"\xfe"), (b"other", b"")],
        [],
    ]
    assert batch.metadata.places == [1, -1, 0]


async def test_the_message_is_the_field_that_the_options_name(redis: Redis, redis_url: str, stream: str) -> None:
    await command(redis, "XADD", stream, "*", "d", "other", "payload", "message")
    async with started_source(redis_url, stream, field="payload") as source:
        assert values_of(await fetched(source, 1)) == [b"message"]


async def test_what_is_no_stream_is_refused(redis: Redis, redis_url: str, stream: str) -> None:
    await command(redis, "SET", stream, "text")
    source = new_source(redis_url, stream)
    with pytest.raises(ConfigError, match=r"is a string, not a stream"):
        await source.start()
    await source.stop()


# Where a group begins


async def test_a_new_group_begins_where_the_options_say(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, [b"old"])
    async with started_source(redis_url, stream, start="latest") as source:
        await add(redis, stream, [b"new"])
        assert values_of(await fetched(source, 1)) == [b"new"]
    async with started_source(redis_url, stream, group="another") as source:
        assert values_of(await fetched(source, 2)) == [b"old", b"new"]


async def test_a_missing_stream_is_waited_for(redis: Redis, redis_url: str, stream: str) -> None:
    async with started_source(redis_url, stream) as source:
        assert await source.fetch(10, 1000, 0.1) == []
        await add(redis, stream, [b"first"])
        assert values_of(await fetched(source, 1)) == [b"first"]


async def test_a_group_that_is_destroyed_begins_again_after_what_was_settled(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_source(redis_url, stream) as source:
        await source.settle(await fetched(source, 10, max_messages=10))
        unsettled = await fetched(source, 5, max_messages=5)
        await command(redis, "XGROUP", "DESTROY", stream, GROUP)
        again = await fetched(source, 10)
        assert values_of(again) == numbered(10, 20)
        assert not any(map(source.owns, unsettled))
        assert all(map(source.owns, again))


async def test_it_reads_on_after_everything_was_flushed(start_redis: StartRedis, stream: str) -> None:
    server = start_redis()
    redis = raw_client(server.url)
    async with started_source(server.url, stream) as source:
        await add(redis, stream, numbered(0, 10))
        await source.settle(await fetched(source, 10))
        await command(redis, "FLUSHALL")
        await add(redis, stream, numbered(10, 20))
        again = await fetched(source, 10)
        assert values_of(again) == numbered(10, 20)
        await source.settle(again)
        await command(redis, "FLUSHALL")  # and with a stream whose ids begin anew
        await command(redis, "XADD", stream, "1-1", "d", "small id")
        assert values_of(await fetched(source, 1)) == [b"small id"]
    await redis.aclose()


# Settling


async def test_settled_entries_stay_unless_deletion_is_asked_for(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream) as source:
        await source.settle(await fetched(source, 10))
    assert (await pending(redis, stream), len(await entries(redis, stream))) == (0, 10)
    async with started_source(redis_url, stream, group="deleting", delete_settled=True) as source:
        await source.settle(await fetched(source, 4, max_messages=4))
    assert len(await entries(redis, stream)) == 6


async def test_many_entries_are_settled_at_once(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 9000))
    async with started_source(redis_url, stream, delete_settled=True) as source:
        await source.settle(await fetched(source, 9000, max_messages=9000))
    assert (await pending(redis, stream), await entries(redis, stream)) == (0, [])


async def test_pending_entries_that_are_gone_are_counted_and_named(
    redis: Redis, redis_url: str, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream) as source:
        await fetched(source, 10)
    await command(redis, "XDEL", stream, ids[1])
    await command(redis, "XTRIM", stream, "MINID", ids[4])
    with caplog.at_level(logging.WARNING):
        async with started_source(redis_url, stream) as source:
            rest = await fetched(source, 6)
            assert source.lost == 4
            await source.settle(rest)
    assert values_of(rest) == numbered(4, 10)
    assert await pending(redis, stream) == 0
    (line,) = [record.getMessage() for record in caplog.records if "lost 4 entries" in record.getMessage()]
    assert all(entry_id.decode() in line for entry_id in ids[:4])
    assert "message" not in line


async def test_all_pages_of_pending_entries_are_taken_over_before_new_ones(
    redis: Redis, redis_url: str, stream: str
) -> None:
    ids = await add(redis, stream, numbered(0, 500))
    await command(redis, "XGROUP", "CREATE", stream, GROUP, "0")
    await command(redis, "XREADGROUP", "GROUP", GROUP, "somebody", "COUNT", 400, "STREAMS", stream, ">")
    await command(redis, "XDEL", stream, *ids[:300])  # whole pages hold nothing but what is gone
    async with started_source(redis_url, stream) as source:
        read: list[bytes | None] = []
        while len(read) < 200:
            batches = await fetched(source, 1, max_messages=7)
            read += values_of(batches)
            await source.settle(batches)
        assert source.lost == 300
    assert read == numbered(300, 500)


async def test_a_reader_without_a_lease_does_not_stop_ours(redis: Redis, redis_url: str, stream: str) -> None:
    async with started_source(redis_url, stream) as source:
        assert await source.fetch(10, 1000, 0.01) == []
        await add(redis, stream, [b"stolen"])
        await command(redis, "XREADGROUP", "GROUP", GROUP, "thief", "COUNT", 1, "STREAMS", stream, ">")
        assert await source.fetch(10, 1000, 0.2) == []
        await add(redis, stream, [b"ours"])
        assert values_of(await fetched(source, 1)) == [b"ours"]


# Several streams


async def test_large_entries_after_many_small_ones_are_not_read_all_at_once(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 2000))
    large = [bytes([number]) * 100_000 for number in range(250)]
    await add(redis, stream, large)
    async with started_source(redis_url, stream) as source:
        await fetched(source, 2000, max_messages=1000)
        batches = await source.fetch(1000, 1 << 20, 1)
        assert sum(len(value or b"") for value in values_of(batches)) <= 1 << 20
        assert await pending(redis, stream) <= 2000 + 100  # what was read ahead
        batches += await fetched(source, 250 - sum(map(len, batches)))
    assert values_of(batches) == large


async def test_several_streams_are_read_in_turn(redis: Redis, redis_url: str, stream: str) -> None:
    streams = [f"{stream}-{number}" for number in range(3)]
    for name in streams:
        await add(redis, name, numbered(0, 50))
    async with started_source(redis_url, *streams) as source:
        first = [batch for _ in range(3) for batch in await source.fetch(10, 1 << 20, 1)]
        assert {batch.partition.topic for batch in first} == set(streams)
        rest = await fetched(source, 120)
        for name in streams:
            mine = [batch for batch in [*first, *rest] if batch.partition.topic == name]
            assert values_of(mine) == numbered(0, 50)
        assert await source.lag() == 150
        await source.settle([*first, *rest])
        assert await source.lag() == 0


# Bad days


async def test_an_idle_stream_is_waited_for_longer_than_any_client_timeout(
    redis: Redis, redis_url: str, stream: str
) -> None:
    async with started_source(redis_url, stream) as source:
        waiting = asyncio.create_task(source.fetch(10, 1000, 30))
        await asyncio.sleep(6.5)  # redis-py's own timeout is 5 s
        await add(redis, stream, [b"at last"])
        assert values_of(await waiting) == [b"at last"]


async def test_it_goes_on_where_it_was_after_the_server_restarted(
    start_redis: StartRedis, stream: str, tmp_path: Path
) -> None:
    port, durable = free_port(), ("--appendonly", "yes", "--appendfsync", "always")
    server = start_redis(*durable, port=port, directory=tmp_path)
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 30))
    async with started_source(server.url, stream) as source:
        await source.settle(await fetched(source, 10, max_messages=10))
        unsettled = await fetched(source, 10, max_messages=10)
        server.stop()
        with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}"):
            await source.fetch(10, 1000, 0.1)
        server.start()
        await loaded(redis)
        again = await fetched(source, 20)
        assert values_of(again) == numbered(10, 30)
        assert not any(map(source.owns, unsettled))
        await source.settle(again)
    assert await pending(redis, stream) == 0
    await redis.aclose()


async def test_a_server_that_became_a_replica_is_waited_for(start_redis: StartRedis, stream: str) -> None:
    server = start_redis()
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 30))
    async with started_source(server.url, stream) as source:
        held = await fetched(source, 10, max_messages=10)
        await command(redis, "REPLICAOF", "127.0.0.1", free_port())
        with pytest.raises(UnavailableError, match="takes no writes"):
            await source.fetch(10, 1000, 0.1)
        with pytest.raises(UnavailableError, match="takes no writes"):
            await source.fetch(10, 1000, 0.1)
        await command(redis, "REPLICAOF", "NO", "ONE")
        again = await fetched(source, 30)
        assert values_of(again) == numbered(0, 30)
        assert not any(map(source.owns, held))
    await redis.aclose()


async def test_a_server_that_hangs_is_unavailable_in_bounded_time(
    start_redis: StartRedis, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "REPLY_TIMEOUT", 1.0)
    monkeypatch.setattr(source_module, "REPLY_MARGIN", 1.0)
    server = start_redis()
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 30))
    async with started_source(server.url, stream) as source:
        held = await fetched(source, 10, max_messages=10)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            for call in (source.fetch(10, 1000, 0.1), source.lag()):
                with pytest.raises(UnavailableError):
                    async with asyncio.timeout(20):
                        await call
        finally:
            os.kill(server.pid, signal.SIGCONT)
        again = await fetched(source, 30)
        assert values_of(again) == numbered(0, 30)
        assert not any(map(source.owns, held))
    await redis.aclose()


async def test_a_fetch_that_is_cancelled_skips_nothing(redis: Redis, redis_url: str, stream: str) -> None:
    streams = [f"{stream}-{number}" for number in range(3)]
    for name in streams:
        await add(redis, name, numbered(0, 300))
    read: dict[str, list[bytes | None]] = {name: [] for name in streams}
    async with started_source(redis_url, *streams) as source:
        held = await fetched(source, 10, max_messages=10)
        batches, cancelled = held, 0
        while sum(map(len, read.values())) < 900:
            for batch in batches:
                read[batch.partition.topic] += batch.values
            fetch = asyncio.create_task(source.fetch(7, 1 << 20, 1))
            for _ in range(cancelled % 12):  # at another place each time
                await asyncio.sleep(0)
            fetch.cancel()
            cancelled += 1
            try:
                batches = await fetch
            except asyncio.CancelledError:
                batches = await source.fetch(30, 1 << 20, 0.1)
        assert all(map(source.owns, held))  # what was fetched before can still be settled
    assert read == {name: numbered(0, 300) for name in streams}


async def test_scripts_are_sent_again_to_a_server_that_forgot_them(redis: Redis, redis_url: str, stream: str) -> None:
    async with started_source(redis_url, stream) as source:
        await command(redis, "SCRIPT", "FLUSH")
        await add(redis, stream, [b"one"])
        await source.settle(await fetched(source, 1))
    assert await pending(redis, stream) == 0
