"""Workers that start later get their share of the streams, and those that leave, or die, leave theirs to the others."""

from __future__ import annotations

import asyncio

import pytest
from aura_connectors.redis_streams import RedisStreamsSource
from redis.asyncio import Redis

from tests.integration.redis_crashes import crash
from tests.integration.redis_tools import add, command, eventually, new_source, numbered, started_source

pytestmark = pytest.mark.integration

LEASE = {"lease": "1s"}


def held(source: RedisStreamsSource) -> set[str]:
    return {reader.partition.topic for reader in source._held}


async def work(source: RedisStreamsSource, seen: list[bytes | None]) -> None:
    while True:
        for batch in await source.fetch(10, 1 << 20, 0.05):
            if source.owns(batch):
                seen += batch.values
                await source.settle([batch])
        await asyncio.sleep(0)


@pytest.fixture
def streams(stream: str) -> list[str]:
    return [f"{stream}-{number}" for number in range(5)]


async def test_a_worker_that_comes_later_gets_its_share_and_nothing_is_read_twice(
    redis: Redis, redis_url: str, streams: list[str]
) -> None:
    for name in streams:
        await add(redis, name, numbered(0, 500))
    seen: list[bytes | None] = []
    async with started_source(redis_url, *streams, **LEASE) as first:
        reading = [asyncio.create_task(work(first, seen))]

        async def has(source: RedisStreamsSource, count: int) -> bool:
            return len(held(source)) == count

        await eventually(lambda: has(first, 5), "all streams at the only worker")
        async with started_source(redis_url, *streams, **LEASE) as second:
            reading.append(asyncio.create_task(work(second, seen)))
            await eventually(lambda: has(second, 2), "two streams at the second")
            assert held(first) | held(second) == set(streams)
            assert not held(first) & held(second)
            reading[1].cancel()
        await eventually(lambda: has(first, 5), "all streams at the one that stayed")

        async def through() -> bool:
            return len(seen) >= 2500

        await eventually(through, "all messages")
        reading[0].cancel()
    assert sorted(filter(None, seen)) == sorted(numbered(0, 500) * 5)


async def test_a_worker_that_dies_counts_no_more(redis: Redis, redis_url: str, streams: list[str]) -> None:
    for name in streams:
        await add(redis, name, numbered(0, 10))
    dead = new_source(redis_url, *streams, **LEASE)
    await dead.start()
    await dead.fetch(10, 1 << 20, 0.1)
    crash(dead)
    await dead.stop()
    async with started_source(redis_url, *streams, **LEASE) as other:
        reading = asyncio.create_task(work(other, []))

        async def all_of_them() -> bool:
            return held(other) == set(streams)

        await eventually(all_of_them, "all streams")
        reading.cancel()


async def test_what_stands_in_the_place_of_the_list_of_workers_is_overwritten(
    redis: Redis, redis_url: str, streams: list[str]
) -> None:
    async with started_source(redis_url, *streams, **LEASE) as source:
        await command(redis, "SET", source._sharing._key, b"\xc1 no list")
        await source._sharing.attend(source._client)
        assert source._sharing.most == 5
