"""A real Redis for `tests.by_hand.exactly_once`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from aura_stream.app.embedded import EmbeddedServer, find_embedded, find_installed

ORDERING = "AURA_BY_HAND_ORDERING"  # none: what is written there stands in any order
RAW, GROUP, LEASE = "raw-{}", "kills", "1s"
PARTITIONS = 4


class RedisServer:
    """Four streams, and one for the frames of each."""

    partitions = PARTITIONS

    def __init__(self, url: str, redis: Redis) -> None:
        self._url = url
        self._redis = redis
        self._streams = [RAW.format(number) for number in range(PARTITIONS)]

    def options(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        ordering = os.environ.get(ORDERING, "strict")
        source = {"url": self._url, "streams": self._streams, "group": GROUP, "lease": LEASE, "ordering": ordering}
        return {"redis_streams": source}, {"redis_streams": {"url": self._url}}

    async def write(self, messages: Mapping[int, Sequence[bytes]]) -> None:
        for partition, part in messages.items():
            pipeline = self._redis.pipeline(transaction=False)
            for message in part:
                pipeline.xadd(self._streams[partition], {b"d": message})
            await pipeline.execute()

    async def moved(self) -> int:
        pipeline = self._redis.pipeline(transaction=False)
        for stream in self._streams:
            pipeline.xlen(f"{stream}.aura")
        return sum(await pipeline.execute())

    async def read(self) -> Sequence[Sequence[bytes]]:
        outputs = [await self._redis.xrange(f"{stream}.aura") for stream in self._streams]
        return [[fields[b"d"] for _, fields in entries] for entries in outputs]

    async def notes(self) -> Mapping[str, object]:
        pending = [(await self._redis.xpending(stream, GROUP))["pending"] for stream in self._streams]
        consumers = [len(await self._redis.xinfo_consumers(stream, GROUP)) for stream in self._streams]
        return {"still pending": sum(pending), "consumers in the groups": sum(consumers)}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[RedisServer]:
    """Run a server for the length of a story."""
    with EmbeddedServer(find_installed() or find_embedded()) as server:
        async with Redis.from_url(server.url) as redis:
            yield RedisServer(server.url, redis)
