"""One worker at a time reads a stream, whatever happens to the others."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest
from aura_connectors.redis_streams import connector
from aura_connectors.redis_streams.lease import lease_key
from redis.asyncio import Redis

from aura_stream.ports import Context
from tests.integration.redis_tools import (
    GROUP,
    add,
    command,
    eventually,
    fetched,
    numbered,
    pending,
    started_source,
    values_of,
)

pytestmark = pytest.mark.integration

# A worker that reads a first batch, settles half of it, and hangs.
HOLDER = """
import asyncio, sys
from tests.integration.redis_tools import fetched, started_source

async def main(url, stream):
    async with started_source(url, stream, lease="2s") as source:
        first, *_ = await fetched(source, 100, max_messages=100)
        await source.settle([first.part(0, 50)])
        print("holding", flush=True)
        await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_second_worker_waits_until_the_first_leaves(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_source(redis_url, stream) as first, started_source(redis_url, stream) as second:
        held = await fetched(first, 10, max_messages=10)
        assert await second.fetch(10, 1 << 20, 0.2) == []
        await first.settle(held)
        await first.stop()
        rest = await fetched(second, 10)
        assert values_of(rest) == numbered(10, 20)
        await second.settle(rest)
    assert await pending(redis, stream) == 0


async def test_competing_workers_share_streams_but_never_one(redis: Redis, redis_url: str, stream: str) -> None:
    streams = [f"{stream}-{number}" for number in range(4)]
    for name in streams:
        await add(redis, name, numbered(0, 200))
    seen: dict[str, list[bytes | None]] = {name: [] for name in streams}

    async def work() -> None:
        async with started_source(redis_url, *streams, once=True) as source:
            while not await source.finished():
                for batch in await source.fetch(20, 1 << 20, 0.1):
                    if source.owns(batch):
                        seen[batch.partition.topic] += batch.values
                        await source.settle([batch])
                await asyncio.sleep(0)

    await asyncio.gather(work(), work(), work())
    assert seen == {name: numbered(0, 200) for name in streams}


async def test_a_killed_worker_is_followed_by_the_next_in_order(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 300))
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, redis_url, stream, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert await asyncio.wait_for(holder.stdout.readline(), 30) == b"holding\n"
        async with started_source(redis_url, stream, once=True, lease="2s") as source:
            assert await source.fetch(10, 1000, 0.1) == []  # the lease is held
            holder.send_signal(signal.SIGKILL)
            assert not await source.finished()  # its share will come back
            rest = await fetched(source, 250)
            assert values_of(rest) == numbered(50, 300)
            await source.settle(rest)
            assert await source.finished()
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.wait()


async def test_a_worker_that_lost_its_lease_reads_and_settles_nothing(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_source(redis_url, stream, lease="60s") as paused:
        held = await fetched(paused, 5, max_messages=5)
        assert all(map(paused.owns, held))
        await command(redis, "SET", lease_key(stream, GROUP), "1 another")  # it expired and another took it
        await paused.settle(held)
        assert await pending(redis, stream) == 5
        assert not any(map(paused.owns, held))
        assert await paused.fetch(10, 1000, 0.1) == []
        assert await pending(redis, stream) == 5  # nothing was delivered to it
        await paused.stop()
    assert await command(redis, "GET", lease_key(stream, GROUP)) == b"1 another"  # nor did it take the lease away


async def test_a_lease_is_renewed_in_the_background(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 5))
    async with started_source(redis_url, stream, lease="1s") as source:
        held = await fetched(source, 5)
        value = await command(redis, "GET", lease_key(stream, GROUP))
        await asyncio.sleep(2)  # twice its time to live, without any call
        assert all(map(source.owns, held))
        assert await command(redis, "GET", lease_key(stream, GROUP)) == value


async def test_a_lease_taken_away_is_noticed_while_the_sink_is_down(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 5))
    async with started_source(redis_url, stream) as source:
        held = await fetched(source, 5)
        await command(redis, "DEL", lease_key(stream, GROUP))
        await source.keep_alive()
        assert not any(map(source.owns, held))
        again = await fetched(source, 5)  # taken anew: what was not settled comes again
        assert values_of(again) == numbered(0, 5)
        assert again[0].epoch != held[0].epoch


async def test_a_worker_leaves_no_consumers_and_no_leases_behind(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 5))
    for _ in range(3):
        async with started_source(redis_url, stream) as source:
            await fetched(source, 0)
            await source.fetch(1, 1000, 0.1)
    assert await command(redis, "EXISTS", lease_key(stream, GROUP)) == 0
    assert len(await command(redis, "XINFO", "CONSUMERS", stream, GROUP)) == 1


# once


async def test_once_has_nothing_to_do_without_a_stream(redis: Redis, redis_url: str, stream: str) -> None:
    async with started_source(redis_url, stream, once=True) as source:
        assert await source.finished()
        assert await source.fetch(10, 1000, 0.0) == []
    assert await command(redis, "EXISTS", stream) == 0


async def test_once_ends_though_the_last_entries_were_deleted(redis: Redis, redis_url: str, stream: str) -> None:
    ids = await add(redis, stream, numbered(0, 10))
    await command(redis, "XDEL", stream, *ids[8:])
    async with started_source(redis_url, stream, once=True) as source:
        batches = await fetched(source, 8)
        assert not await source.finished()
        await source.settle(batches)
        assert await source.finished()


async def test_once_waits_for_what_another_worker_still_holds(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream) as other, started_source(redis_url, stream, once=True) as source:
        held = await fetched(other, 10)
        assert await source.fetch(10, 1000, 0.1) == []
        assert not await source.finished()
        await other.settle(held)
        await eventually(source.finished, "the end that another worker reached")


async def test_once_ends_when_the_stream_is_gone(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream, once=True) as source:
        await fetched(source, 10)
        await command(redis, "DEL", stream)
        assert await source.finished()


async def test_once_goes_on_though_the_group_is_destroyed(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_source(redis_url, stream, once=True) as source:
        await source.settle(await fetched(source, 5, max_messages=5))
        await command(redis, "XGROUP", "DESTROY", stream, GROUP)
        assert not await source.finished()
        assert await source.lag() is None
        await source.settle(await fetched(source, 5))
        assert await source.finished()


async def test_a_probe_makes_no_group_and_takes_no_lease(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 1))
    options = connector.source_options.model_validate({"url": redis_url, "streams": [stream], "group": GROUP})
    probe = connector.source(options, Context(probe=True))
    await probe.start()
    await probe.stop()
    assert await command(redis, "XINFO", "GROUPS", stream) == []
