"""Leases that are renewed while all else goes on, and leases that ran out unnoticed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from aura_connectors.redis_streams.lease import Lease
from aura_connectors.redis_streams.options import SourceOptions
from aura_connectors.redis_streams.source import RedisStreamsSource

from aura_stream.ports import Context


class FakeServer:
    """Gives and lengthens every lease; each answer takes `delay` seconds of the lease's clock."""

    def __init__(self) -> None:
        self.now, self.delay, self.fence, self.renewed = 100.0, 0.0, 0, 0

    async def run(self, name: str, *_: Any) -> bytes | int:
        await asyncio.sleep(0)
        self.now += self.delay
        if name == "lease_renew":
            self.renewed += 1
            return 1
        self.fence += 1
        return b"%d" % self.fence


def lease(server: FakeServer) -> Lease:
    made = Lease(b"aura:lease:{s}:g", "me", 10.0)
    made._clock = lambda: server.now
    return made


async def test_a_lease_that_is_renewed_in_time_stays_the_same() -> None:
    server = FakeServer()
    held = lease(server)
    await held.take(server)  # type: ignore[arg-type]
    server.delay = 9.0
    await held.renew(server)  # type: ignore[arg-type]
    server.now += 0.5
    assert (held.held, held.fence) == (True, 1)


async def test_a_lease_that_ran_out_before_the_answer_came_is_not_held_again() -> None:
    """What was fetched under it may have been dropped meanwhile: it comes again only with a new number."""
    server = FakeServer()
    held = lease(server)
    await held.take(server)  # type: ignore[arg-type]
    server.now += 4.0
    server.delay = 8.0
    await held.renew(server)  # type: ignore[arg-type]
    assert not held.held
    server.delay = 0.0
    await held.take(server)  # type: ignore[arg-type]
    assert (held.held, held.fence) == (True, 2)


async def test_leases_are_renewed_while_fetching_turns_the_streams_round() -> None:
    options = SourceOptions.model_validate({"url": "redis://localhost", "streams": ["a", "b", "c"], "group": "g"})
    source, server = RedisStreamsSource(options, Context()), FakeServer()
    readers = [Reader(lease(server)) for _ in options.streams]
    for reader in readers:
        await reader.lease.take(server)  # type: ignore[arg-type]
    source._readers, source._clients = deque(readers), [server]  # type: ignore[list-item,arg-type]
    renewing = asyncio.create_task(source.keep_alive())
    while not renewing.done():
        await source._fetch_ready(10, 1000)
    await renewing
    assert server.renewed == len(readers)


class Reader:
    """A stream that is held and has nothing to read."""

    paused = busy = alone = yielding = False
    stream = b"s"

    def __init__(self, held: Lease) -> None:
        self.lease = held

    async def take(self, _: Any) -> bool:
        await asyncio.sleep(0)
        return True

    async def fetch(self, *_: Any) -> None:
        return None
