"""A worker whose lease went to another takes nothing and settles nothing, even before it notices."""

from __future__ import annotations

import pytest
from aura_connectors.redis_streams.lease import lease_key
from redis.asyncio import Redis

from tests.integration.redis_tools import (
    GROUP,
    add,
    command,
    counts,
    fetched,
    numbered,
    pending,
    started_source,
)

pytestmark = pytest.mark.integration


async def lose_lease(redis: Redis, stream: str) -> None:
    """Let the lease run out and another take it, unnoticed."""
    await command(redis, "SET", lease_key(stream, GROUP), "1 another")


async def test_new_entries_are_not_delivered_to_it(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_source(redis_url, stream, lease="60s") as paused:
        await fetched(paused, 5, max_messages=5)
        await lose_lease(redis, stream)
        assert await paused.fetch(10, 1000, 0.1) == []
        assert await pending(redis, stream) == 5


async def test_pending_entries_are_neither_taken_over_nor_counted_by_it(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 1300))
    async with started_source(redis_url, stream) as first:
        await fetched(first, 1300, max_messages=1300)
    async with started_source(redis_url, stream, lease="60s") as paused:
        await fetched(paused, 5, max_messages=5)  # the first page of those that were never settled is known now
        await lose_lease(redis, stream)
        before = await command(redis, "XPENDING", stream, GROUP, "-", "+", 1300)
        assert await paused.fetch(1200, 1 << 20, 0.1) == []
        after = await command(redis, "XPENDING", stream, GROUP, "-", "+", 1300)
        assert [(row[0], row[1], row[3]) for row in after] == [(row[0], row[1], row[3]) for row in before]
        assert all(now[2] >= then[2] for now, then in zip(after, before, strict=True))  # ms since it changed hands


async def test_a_count_is_not_taken_back_by_it(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream, lease="60s") as paused:
        await fetched(paused, 10)
        await lose_lease(redis, stream)
    assert await counts(redis, stream) == [1] * 10


async def test_what_it_read_is_not_settled_by_it(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_source(redis_url, stream, lease="60s") as paused:
        held = await fetched(paused, 5, max_messages=5)
        await lose_lease(redis, stream)
        await paused.settle(held)
        assert await pending(redis, stream) == 5
