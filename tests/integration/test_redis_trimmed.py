"""Entries that are trimmed away before the group got to them are counted exactly, once, on every kind of server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import GROUP, add, command, fetched, numbered, started_source, values_of

pytestmark = pytest.mark.integration

STREAM = "orders"


@asynccontextmanager
async def behind(start: StartRedis, **options: bool) -> AsyncIterator[tuple[Redis, str]]:
    """A server with a stream of ten entries, of which the group has settled three."""
    url = start().url
    async with raw_client(url) as redis:
        await add(redis, STREAM, numbered(0, 3))
        async with started_source(url, STREAM, **options) as source:
            await source.settle(await fetched(source, 3))
        await add(redis, STREAM, numbered(3, 10))
        yield redis, url


@pytest.mark.parametrize("delete_settled", [False, True])
async def test_a_stream_that_was_trimmed_ahead_of_the_group(
    start_each: StartRedis, delete_settled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with behind(start_each, delete_settled=delete_settled) as (redis, url):
        await command(redis, "XTRIM", STREAM, "MAXLEN", 4)
        async with started_source(url, STREAM, delete_settled=delete_settled) as source:
            batches = await fetched(source, 4)
            assert (values_of(batches), source.lost) == (numbered(6, 10), 3)
            await source.settle(batches)
            assert await source.lag() == 0
    assert "lost 3 entries of stream orders: trimmed before they were read" in caplog.messages


async def test_each_trim_counts_once_also_while_it_is_read(start_each: StartRedis) -> None:
    async with behind(start_each) as (redis, url), started_source(url, STREAM) as source:
        await source.settle(await fetched(source, 7))
        lost = []
        for left in (9, 8, 7):
            await add(redis, STREAM, numbered(0, 10))
            await command(redis, "XTRIM", STREAM, "MAXLEN", left)
            await source.settle(await fetched(source, left))
            lost.append(source.lost)
        assert lost == [1, 3, 6]


async def test_a_stream_that_was_trimmed_to_nothing(start_each: StartRedis) -> None:
    async with behind(start_each) as (redis, url):
        await command(redis, "XTRIM", STREAM, "MAXLEN", 0)
        async with started_source(url, STREAM) as source:
            assert await source.fetch(10, 1000, 0.05) == []
            await add(redis, STREAM, [b"new"])
            assert values_of(await fetched(source, 1)) == [b"new"]
            assert source.lost == 7


async def test_what_was_read_before_it_was_trimmed_is_not_lost(start_each: StartRedis) -> None:
    async with behind(start_each) as (redis, url):
        await command(redis, "XTRIM", STREAM, "MAXLEN", 7)
        async with started_source(url, STREAM) as source:
            assert (values_of(await fetched(source, 7)), source.lost) == (numbered(3, 10), 0)


async def test_a_group_that_is_new_has_missed_nothing(start_each: StartRedis) -> None:
    async with behind(start_each) as (redis, url):
        await command(redis, "XTRIM", STREAM, "MAXLEN", 4)
        async with started_source(url, STREAM, group="another") as source:
            assert (values_of(await fetched(source, 4)), source.lost) == (numbered(6, 10), 0)


async def test_where_entries_were_deleted_one_by_one_it_does_not_guess(start_each: StartRedis) -> None:
    async with behind(start_each) as (redis, url):
        ids = [entry[0] for entry in await command(redis, "XRANGE", STREAM, "-", "+")]
        await command(redis, "XDEL", STREAM, ids[8])
        await command(redis, "XTRIM", STREAM, "MAXLEN", 4)
        async with started_source(url, STREAM) as source:
            await fetched(source, 4)
            assert source.lost == 0


async def test_a_group_that_went_meanwhile_is_made_again(start_each: StartRedis) -> None:
    async with behind(start_each) as (redis, url), started_source(url, STREAM) as source:
        await source.settle(await fetched(source, 7))
        await command(redis, "XGROUP", "DESTROY", STREAM, GROUP)
        await add(redis, STREAM, [b"new"])
        assert (values_of(await fetched(source, 1)), source.lost) == ([b"new"], 0)
