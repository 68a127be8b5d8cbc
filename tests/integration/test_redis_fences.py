"""A worker whose lease went to another takes nothing and settles nothing, even before it notices."""

from __future__ import annotations

import pytest
from aura_connectors.redis_streams.lease import lease_key
from redis.asyncio import Redis

from tests.integration.redis_tools import GROUP, add, command, fetched, numbered, pending, started_source

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


async def test_pending_entries_are_not_taken_over_by_it(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 300))
    async with started_source(redis_url, stream) as first:
        await fetched(first, 300, max_messages=300)
    async with started_source(redis_url, stream, lease="60s") as paused:
        await fetched(paused, 5, max_messages=5)  # the first page of those that were never settled
        await lose_lease(redis, stream)
        before = await command(redis, "XPENDING", stream, GROUP, "-", "+", 300)
        while batches := await paused.fetch(100, 1 << 20, 0.1):
            assert not any(map(paused.owns, batches))
        after = await command(redis, "XPENDING", stream, GROUP, "-", "+", 300)
        assert [(row[0], row[1], row[3]) for row in after] == [(row[0], row[1], row[3]) for row in before]


async def test_what_it_read_is_not_settled_by_it(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_source(redis_url, stream, lease="60s") as paused:
        held = await fetched(paused, 5, max_messages=5)
        await lose_lease(redis, stream)
        await paused.settle(held)
        assert await pending(redis, stream) == 5
