"""What the tests of the Redis connector share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aura_connectors.redis_streams import (
    RedisExactlyOnceSink,
    RedisStreamsConnector,
    RedisStreamsSink,
    RedisStreamsSource,
    SinkOptions,
    SourceOptions,
)
from redis.asyncio import Redis

from aura_stream.model import Batch, Topic
from aura_stream.ports import Context

PATIENCE = 30.0
MAX_BYTES = 1 << 22
GROUP = "readers"

connector = RedisStreamsConnector()


def new_source(url: str, *streams: str, once: bool = False, **options: Any) -> RedisStreamsSource:
    """Build a source that is not started yet."""
    mapping = {"url": url, "streams": list(streams), "group": GROUP, **options}
    return connector.source(SourceOptions.model_validate(mapping), Context(once=once))


@asynccontextmanager
async def started_source(
    url: str, *streams: str, once: bool = False, **options: Any
) -> AsyncIterator[RedisStreamsSource]:
    """Start a source, and stop it at the end."""
    source = new_source(url, *streams, once=once, **options)
    try:
        await source.start()
        yield source
    finally:
        await source.stop()


@asynccontextmanager
async def started_sink(url: str, *inputs: str, **options: Any) -> AsyncIterator[RedisStreamsSink]:
    """Start a sink, and stop it at the end."""
    sink = connector.sink(connector.sink_options.model_validate({"url": url, **options}), Context())
    try:
        await sink.start([Topic(name) for name in inputs])
        yield sink
    finally:
        await sink.stop()


async def fetched(source: RedisStreamsSource, count: int, max_messages: int = 1000) -> list[Batch]:
    """Fetch until at least `count` messages came."""
    batches: list[Batch] = []
    deadline = time.monotonic() + PATIENCE
    while sum(map(len, batches)) < count:
        assert time.monotonic() < deadline, f"{sum(map(len, batches))} of {count} messages came"
        batches += await source.fetch(max_messages, MAX_BYTES, 0.2)
    return batches


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, pause: float = 0.05) -> None:
    """Wait until the condition holds; look every `pause` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(pause)


async def loaded(redis: Redis) -> None:
    """Wait until a server that was started again has read what it had written to its disk."""

    async def has_loaded() -> bool:
        return b"\r\nloading:0" in await command(redis, "INFO", "persistence")

    await eventually(has_loaded, "what the file holds")


def values_of(batches: Sequence[Batch]) -> list[bytes | None]:
    """Return the values of several batches, in order."""
    return [value for batch in batches for value in batch.values]


def numbered(first: int, stop: int) -> list[bytes]:
    """Return distinct messages."""
    return [b"message %06d" % number for number in range(first, stop)]


async def add(redis: Redis, stream: str, values: Sequence[bytes]) -> list[bytes]:
    """Append messages as a producer does; return their ids."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.response_callbacks.clear()
    for value in values:
        pipeline.execute_command("XADD", stream, "*", "d", value)
    ids: list[bytes] = await pipeline.execute()
    return ids


async def command(redis: Redis, *words: bytes | str | int) -> Any:
    """Send one command; the reply as it is."""
    return await redis.execute_command(*words)


async def pending(redis: Redis, stream: str) -> int:
    """Return how many entries are delivered and not settled."""
    reply = await command(redis, "XPENDING", stream, GROUP)
    return int(reply[0])


async def entries(redis: Redis, stream: str) -> list[list[bytes]]:
    """Return the fields of all entries of a stream, flat, as they stand."""
    return [flat for _, flat in await command(redis, "XRANGE", stream, "-", "+")]


@asynccontextmanager
async def started_bridge(
    url: str,
    *streams: str,
    output: Mapping[str, Any] | None = None,
    dead: str = "{source}.dead",
    once: bool = False,
    **options: Any,
) -> AsyncIterator[tuple[RedisStreamsSource, RedisExactlyOnceSink]]:
    """Start both ends of an exactly-once bridge, and stop them at the end."""
    mapping = {"url": url, "streams": list(streams), "group": GROUP, **options}
    login = {key: value for key, value in options.items() if key in ("password", "tls")}
    into = SinkOptions.model_validate({"url": url, **login, **(output or {})})
    source, sink = connector.exactly_once(
        SourceOptions.model_validate(mapping), into, connector.burying(into, dead), Context(once=once)
    )
    try:
        await sink.start(await source.start())
        yield source, sink
    finally:
        await sink.stop()
        await source.stop()


async def group_position(redis: Redis, stream: str) -> bytes:
    """Return the last entry that was delivered to the group."""
    (group,) = await command(redis, "XINFO", "GROUPS", stream)
    return bytes(dict(zip(group[::2], group[1::2], strict=True))[b"last-delivered-id"])


async def counts(redis: Redis, stream: str) -> list[int]:
    """Return how often each pending entry was handed out, as the server has it."""
    return [row[3] for row in await command(redis, "XPENDING", stream, GROUP, "-", "+", 100_000)]


async def pending_ids(redis: Redis, stream: str) -> list[bytes]:
    """Return the pending entries' ids, in order."""
    return [row[0] for row in await command(redis, "XPENDING", stream, GROUP, "-", "+", 100_000)]
