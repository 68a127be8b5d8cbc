"""Redis to Redis, exactly once and at least once: what `exactly_once.py` runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import uuid4

from _bridge import Run, Speed, encoding, identity, messages, through_worker
from aura_connectors.redis_streams import RedisStreamsConnector, SinkOptions, SourceOptions
from bridge_redis import discard, server
from redis.asyncio import Redis

from aura_stream.ports import Context
from aura_stream.runtime import Transform

__all__ = ["server", "shapes", "variants"]

shapes = {"1 stream": 1, "4 streams": 4}

CONTEXT = Context("bench", once=True)


async def variants(url: str, count: int, streams: int) -> Mapping[str, Mapping[str, Run]]:
    """Fill an input of so many streams, and return the ways to copy it."""
    prefix = f"bench-{uuid4().hex[:8]}"
    names = [f"{prefix}-{number}" for number in range(streams)]
    async with Redis.from_url(url) as redis:
        everything = messages(count)
        for first in range(0, count, 1000):
            pipeline = redis.pipeline(transaction=False)
            for number, message in enumerate(everything[first : first + 1000]):
                pipeline.xadd(names[number % streams], {b"d": message})
            await pipeline.execute()

    def bridge(make: Callable[[], Transform], exactly: bool) -> Run:
        async def run() -> Speed:
            suffix = uuid4().hex[:8]
            source = SourceOptions.model_validate({"url": url, "streams": names, "group": suffix})
            sink = SinkOptions.model_validate({"url": url, "stream": f"{{source}}.{suffix}"})
            connector = RedisStreamsConnector()
            try:
                if exactly:
                    pair = connector.exactly_once(source, sink, None, CONTEXT)
                    return await through_worker(*pair, make(), count)
                two = connector.source(source, CONTEXT), connector.sink(sink, CONTEXT)
                return await through_worker(*two, make(), count)
            finally:
                for name in names:
                    await discard(url, name, suffix, f"{name}.{suffix}")

        return run

    def both(make: Callable[[], Transform]) -> Mapping[str, Run]:
        return {"at least once": bridge(make, exactly=False), "exactly once": bridge(make, exactly=True)}

    return {"codec": both(lambda: encoding("standalone")), "identity": both(identity)}
