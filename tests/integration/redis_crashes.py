"""Workers over Redis that end as they should not."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from aura_connectors.redis_streams import SinkOptions, SourceOptions
from aura_connectors.redis_streams.lease import lease_key
from aura_connectors.redis_streams.source import RedisStreamsSource
from redis.asyncio import Redis

from aura_stream.ports import Context
from aura_stream.runtime import Burial, Ends, Heartbeat, Refusals, Screen, Transform, Worker, WorkerOptions
from tests.integration.redis_tools import GROUP, command, connector

POISON = b"poison"
ATTEMPTS = 10  # as `dead_letter.attempts` is by default


def new_worker(
    url: str,
    delivery: str,
    convert: Callable[[list[bytes]], list[bytes]],
    most: int,
    streams: list[str],
    **options: Any,
) -> tuple[Worker, RedisStreamsSource]:
    """Build a bridge that works through its input once, with dead letters."""
    mapping = {"url": url, "streams": streams, "group": GROUP, "lease": "60s", **options}
    source, output = SourceOptions.model_validate(mapping), SinkOptions.model_validate({"url": url})
    dead = connector.burying(output, "{source}.dead")
    context = Context(once=True)
    if delivery == "exactly_once":
        reader, one_step = connector.exactly_once(source, output, dead, context)
        ends = Ends(reader, one_step)
    else:
        reader = connector.source(source, context)
        ends = Ends(reader, connector.sink(output, context), connector.sink(dead, context))
    refusals = Refusals(Burial(connector.marked, "encode", lambda: ""), Screen(None, ATTEMPTS))
    transform = Transform(convert, lambda _: {}, False, 1 << 22, refusals=refusals)
    return Worker(ends, transform, WorkerOptions(once=True, max_messages=most), Heartbeat(None)), reader


def crash(source: RedisStreamsSource) -> None:
    """Let what the source holds stay as it is, as when its process dies."""
    for reader in source._readers:
        reader.lease.lose()
        reader.lease._token = ""
    source._readers.clear()


async def forget_leases(redis: Redis, *streams: str) -> None:
    """Let the leases of the dead run out at once."""
    for stream in streams:
        await command(redis, "DEL", lease_key(stream, GROUP))
        for key in await command(redis, "KEYS", lease_key(stream, f"{GROUP}:workers:*")):
            await command(redis, "DEL", key)


def deadly(values: list[bytes]) -> list[bytes]:
    """A codec that takes the process along at one message."""
    if POISON in values:
        os._exit(9)
    return values


def main(url: str, delivery: str, ordering: str, lease: str, *streams: str) -> None:
    worker, _ = new_worker(url, delivery, deadly, 1000, list(streams), ordering=ordering, lease=lease)
    asyncio.run(worker.run())


if __name__ == "__main__":
    main(*sys.argv[1:])
