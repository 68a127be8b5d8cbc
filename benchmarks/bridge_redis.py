"""Redis to Redis: the real worker against a plain redis-py loop with the same guarantees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from _bridge import Run, Speed, Stopwatch, encoding, identity, messages, through_worker
from aura_connectors.redis_streams import RedisStreamsSink, RedisStreamsSource, SinkOptions, SourceOptions
from redis.asyncio import Redis

from aura_stream.app.embedded import EmbeddedServer, find_embedded, find_installed
from aura_stream.ports import Context
from aura_stream.runtime import Transform

COUNT = 500  # entries a round of the plain loop; 5000 are slower for it


@contextmanager
def server() -> Iterator[str]:
    """Run a server, and return its address."""
    with EmbeddedServer(find_installed() or find_embedded()) as own:
        yield own.url


async def variants(url: str, count: int) -> dict[str, Run]:
    """Fill an input stream, and return the ways to copy it."""
    stream = f"bench-{uuid4().hex[:8]}"
    async with Redis.from_url(url) as redis:
        everything = messages(count)
        for first in range(0, count, 1000):
            pipeline = redis.pipeline(transaction=False)
            for message in everything[first : first + 1000]:
                pipeline.xadd(stream, {b"d": message})
            await pipeline.execute()

    async def plain() -> Speed:
        return await plain_loop(url, stream, count)

    def worker(make: Callable[[], Transform]) -> Run:
        async def run() -> Speed:
            group = output = f"{stream}-{uuid4().hex[:8]}"
            source = SourceOptions.model_validate({"url": url, "streams": [stream], "group": group})
            sink = SinkOptions.model_validate({"url": url, "stream": output})
            copier = RedisStreamsSource(source, Context(once=True)), RedisStreamsSink(sink, Context())
            try:
                return await through_worker(*copier, make(), count)
            finally:
                await discard(url, stream, group, output)

        return run

    return {
        "plain redis-py": plain,
        "bridge, identity": worker(identity),
        "bridge, codec": worker(lambda: encoding("standalone")),
    }


async def plain_loop(url: str, stream: str, count: int) -> Speed:
    """Copy with redis-py alone: XREADGROUP, a pipeline of XADD, XACK; every field kept."""
    group = output = f"{stream}-{uuid4().hex[:8]}"
    watch, copied = Stopwatch(), 0
    async with Redis.from_url(url) as redis:
        await redis.xgroup_create(stream, group, "0")
        while copied < count:
            reply = await redis.xreadgroup(group, "plain", {stream: ">"}, count=COUNT)
            watch.start()
            entries = reply[stream.encode()][0] if isinstance(reply, dict) else reply[0][1]
            pipeline = redis.pipeline(transaction=False)
            for _, fields in entries:
                pipeline.xadd(output, fields)
            pipeline.xack(stream, group, *(entry_id for entry_id, _ in entries))
            await pipeline.execute()
            copied += len(entries)
        speed = watch.read(copied)
    await discard(url, stream, group, output)
    return speed


async def discard(url: str, stream: str, group: str, output: str) -> None:
    """Free what a run left on the server."""
    async with Redis.from_url(url) as redis:
        await redis.xgroup_destroy(stream, group)
        await redis.delete(output)
