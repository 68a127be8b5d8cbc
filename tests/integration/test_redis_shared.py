"""`ordering: none`: workers that share a stream, each with a consumer of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest
from aura_connectors.redis_streams import RedisExactlyOnceSink, RedisStreamsSource
from redis.asyncio import Redis

from aura_stream.model import Batch
from tests.integration.redis_crashes import crash
from tests.integration.redis_tools import (
    GROUP,
    add,
    command,
    counts,
    entries,
    eventually,
    fetched,
    new_source,
    numbered,
    pending,
    started_bridge,
    started_source,
    values_of,
)

pytestmark = pytest.mark.integration

NONE = {"ordering": "none", "lease": "1s"}


async def consumers(redis: Redis, stream: str) -> dict[str, int]:
    """Return how many entries are pending for each consumer."""
    rows = await command(redis, "XINFO", "CONSUMERS", stream, GROUP)
    named = [dict(zip(row[::2], row[1::2], strict=True)) for row in rows]
    return {row[b"name"].decode(): row[b"pending"] for row in named}


async def dead(redis: Redis, url: str, stream: str, most: int) -> str:
    """Let a worker read and die; return its consumer."""
    source = new_source(url, stream, **NONE)
    await source.start()
    await source.fetch(most, 1 << 22, 1)
    (reader,) = source._readers
    key, consumer = reader.lease.key, reader.member.consumer.decode()
    crash(source)
    await source.stop()
    await command(redis, "DEL", key)
    return consumer


async def values_in(redis: Redis, stream: str) -> list[bytes]:
    return [flat[1] for flat in await entries(redis, stream)]


# Sharing


async def test_workers_share_the_entries_of_a_stream_and_publish_each_once(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 2000))
    shares: list[int] = []

    async def work() -> None:
        async with started_bridge(redis_url, stream, **NONE) as (source, sink):
            count = 0
            while await source.lag():
                batches = await source.fetch(37, 1 << 20, 0.05)
                await sink.publish_and_settle(batches)
                count += sum(map(len, batches))
                await asyncio.sleep(0)
            shares.append(count)

    await asyncio.gather(work(), work(), work())
    assert sorted(await values_in(redis, f"{stream}.aura")) == numbered(0, 2000)
    assert (sum(shares), min(shares) > 0) == (2000, True)
    assert await consumers(redis, stream) == {}


async def test_a_worker_that_settles_nothing_keeps_what_it_has_as_long_as_it_lives(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream, **NONE) as slow, started_source(redis_url, stream, **NONE) as other:
        held = await fetched(slow, 10)
        (reader,) = slow._readers

        async def silent_for_long() -> bool:
            await slow.keep_alive()
            rows = await command(redis, "XPENDING", stream, GROUP, "-", "+", 10)
            assert await other.fetch(10, 1 << 20, 0.05) == []
            return all(row[2] > 2500 for row in rows)

        await eventually(silent_for_long, "entries that nobody touched for two and a half leases")
        assert set(await consumers(redis, stream)) >= {reader.member.consumer.decode()}
        assert all(map(slow.owns, held))
        await slow.settle(held)
    assert await pending(redis, stream) == 0


async def test_the_end_and_the_lag_count_what_other_workers_hold(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with (
        started_source(redis_url, stream, **NONE) as other,
        started_source(redis_url, stream, once=True, **NONE) as source,
    ):
        held = await fetched(other, 4, max_messages=4)
        await source.settle(await fetched(source, 6))
        assert not await source.finished()
        assert await source.lag() == 4
        await other.settle(held)
        assert await source.finished()
        assert await source.lag() == 0


# Taking over


async def test_what_a_dead_worker_left_is_taken_over_and_its_consumer_removed(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 2500))
    gone = await dead(redis, redis_url, stream, 2400)
    async with started_bridge(redis_url, stream, **NONE) as (source, sink):
        while await source.lag():
            await sink.publish_and_settle(await source.fetch(5000, 1 << 22, 0.2))
        assert gone not in await consumers(redis, stream)
    assert sorted(await values_in(redis, f"{stream}.aura")) == numbered(0, 2500)


async def test_what_was_deleted_before_it_was_taken_over_is_counted_page_by_page(
    redis: Redis, redis_url: str, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await add(redis, stream, numbered(0, 2500))
    await dead(redis, redis_url, stream, 2500)
    await command(redis, "XDEL", stream, *ids[:2200])  # whole pages hold nothing but what is gone
    async with started_source(redis_url, stream, **NONE) as source:
        batches = await fetched(source, 300)
        await source.settle(batches)
        assert source.lost == 2200
    assert source.lost == 2200, "the count outlives a stop"
    assert values_of(batches) == numbered(2200, 2500)
    assert await pending(redis, stream) == 0
    assert sum("lost 100 entries" in record.getMessage() for record in caplog.records) == 22


async def test_what_an_orderly_worker_left_is_taken_over_at_once(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    options = {"ordering": "none", "lease": "1h"}
    async with started_source(redis_url, stream, **options) as first:
        await fetched(first, 10)
    assert (list((await consumers(redis, stream)).values()), await counts(redis, stream)) == ([10], [0] * 10)
    async with started_source(redis_url, stream, **options) as second:
        (batch,) = await fetched(second, 10)
        assert (values_of([batch]), batch.attempts) == (numbered(0, 10), None)


async def test_entries_of_a_strange_consumer_are_taken_over_once_it_was_silent(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream, **NONE) as source:
        await command(redis, "XREADGROUP", "GROUP", GROUP, "aura", "COUNT", 10, "STREAMS", stream, ">")
        assert values_of(await fetched(source, 10)) == numbered(0, 10)
        assert "aura" not in await consumers(redis, stream)


async def test_a_worker_reads_its_own_first_after_it_lost_its_lease(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_source(redis_url, stream, ordering="none", lease="60s") as source:
        held = await fetched(source, 10, max_messages=10)
        (reader,) = source._readers
        await command(redis, "DEL", reader.lease.key)
        await source.keep_alive()
        assert not any(map(source.owns, held))
        (again,) = await source.fetch(10, 1 << 20, 1)
        assert (values_of([again]), again.attempts) == (numbered(0, 10), None)
        assert again.epoch != held[0].epoch


async def test_empty_consumers_of_the_dead_are_removed_and_those_of_the_living_are_not(
    redis: Redis, redis_url: str, stream: str
) -> None:
    async with (
        started_source(redis_url, stream, **NONE) as living,
        started_source(redis_url, stream, **NONE) as source,
    ):
        await add(redis, stream, [b"one"])
        await living.settle(await fetched(living, 1))
        await command(redis, "XGROUP", "CREATECONSUMER", stream, GROUP, "long dead")
        (reader,) = living._readers
        name = reader.member.consumer.decode()

        async def removed() -> bool:
            await source.fetch(1, 1000, 0.05)
            return "long dead" not in await consumers(redis, stream)

        await eventually(removed, "a consumer that nobody needs any more")
        assert name in await consumers(redis, stream)


# Fences


async def zombie_and_successor(
    redis: Redis, zombie: RedisStreamsSource, source: RedisStreamsSource
) -> tuple[Sequence[Batch], Sequence[Batch]]:
    """Let one worker be silent until another has taken over what it held, unnoticed."""
    old = await fetched(zombie, 100)
    assert zombie._renewal is not None
    zombie._renewal.cancel()
    new = await fetched(source, 100)
    (reader,) = zombie._readers
    reader.lease._expires += 3600  # it does not know
    assert all(map(zombie.owns, old))
    return old, new


async def test_a_zombie_publishes_and_settles_nothing_that_another_has(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 100))
    async with (
        started_bridge(redis_url, stream, **NONE) as (zombie, its_sink),
        started_bridge(redis_url, stream, **NONE) as (source, sink),
    ):
        old, new = await zombie_and_successor(redis, zombie, source)
        await sink.publish_and_settle(new[:1])
        await its_sink.publish_and_settle(old)
        assert not any(map(zombie.owns, old))
        await sink.publish_and_settle(new)
    assert sorted(await values_in(redis, f"{stream}.aura")) == numbered(0, 100)


async def test_a_zombie_that_settles_does_not_settle_for_another(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 100))
    async with (
        started_source(redis_url, stream, **NONE) as zombie,
        started_source(redis_url, stream, **NONE) as source,
    ):
        old, new = await zombie_and_successor(redis, zombie, source)
        await zombie.settle(old)
        assert await pending(redis, stream) == 100
        await source.settle(new)
    assert await pending(redis, stream) == 0


async def test_what_another_claimed_is_not_published_even_with_a_valid_lease(
    redis: Redis, redis_url: str, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await add(redis, stream, numbered(0, 10))
    async with started_bridge(redis_url, stream, ordering="none") as (source, sink):
        batches = await fetched(source, 10)
        await command(redis, "XCLAIM", stream, GROUP, "strange", 0, *ids[:4], "JUSTID")
        with caplog.at_level(logging.WARNING):
            await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(4, 10)
    assert await pending(redis, stream) == 4
    assert "4 entries" in caplog.text


# The group is gone


async def test_a_group_that_is_destroyed_begins_where_everything_before_was_settled(
    redis: Redis, redis_url: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(redis, stream, numbered(0, 30))
    async with (
        started_bridge(redis_url, stream, **NONE) as (slow, its_sink),
        started_bridge(redis_url, stream, **NONE) as (source, sink),
    ):
        held = await fetched(slow, 10, max_messages=10)
        await sink.publish_and_settle(await fetched(source, 10, max_messages=10))
        await command(redis, "XGROUP", "DESTROY", stream, GROUP)
        await its_sink.publish_and_settle(held)
        assert not any(map(slow.owns, held))
        await publish_rest(source, sink)
    arrived = await values_in(redis, f"{stream}.aura")
    assert sorted(set(arrived)) == numbered(0, 30)  # those of 10 to 20 may be there twice: nobody knows of them


async def publish_rest(source: RedisStreamsSource, sink: RedisExactlyOnceSink) -> None:
    async def through() -> bool:
        await sink.publish_and_settle(await source.fetch(10, 1 << 20, 0.05))
        return await source.lag() == 0

    await eventually(through, "the end")
