"""Row 5: a Redis that is killed and restarts is waited for, also while it loads; what was pending comes again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import BusyLoadingError, RedisError

from aura_stream.app.embedded import EmbeddedServer
from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.systems import DURABLE
from tests.faults.toolbox import Evidence, redis_stops
from tests.infra.redis import raw_client

# Microseconds that a server takes for each command that it loads, so that loading takes seconds.
SLOW_TO_LOAD = ("--key-load-delay", "400")


@asynccontextmanager
async def restarts_and_loads(server: EmbeddedServer) -> AsyncIterator[Evidence]:
    """Kill and restart; the evidence is that somebody was told LOADING. It ends when all is loaded."""
    told = 0
    async with redis_stops(server):
        pass
    async with raw_client(server.url) as redis:
        while True:
            try:
                await redis.execute_command("PING")
                break
            except BusyLoadingError:
                told += 1
            except RedisError:
                pass  # it takes connections late
            await asyncio.sleep(0.05)
    yield lambda: told > 0


@pytest.mark.parametrize("route", cases("redis-redis", full=["redis-kafka"]))
async def test_a_redis_that_is_killed_and_loads_for_seconds_is_waited_for(chaos: Chaos, route: str) -> None:
    async with chaos.scenario(route, redis=(*DURABLE, *SLOW_TO_LOAD), large=0) as run:
        worker = await run.start()
        await run.send(5000)
        await run.load(500)
        await run.moved(2000)
        said = len(worker.log)
        async with run.fault("Redis kill -9, LOADING", restarts_and_loads(run.source.server)):
            pass
        await worker.logged("is unavailable, trying again", said)


async def test_a_store_that_is_killed_and_restarts_holds_nothing_up(chaos: Chaos) -> None:
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        await run.start()
        await run.send(3000)
        await run.load(1000)
        await run.moved(1000)
        async with run.fault("store kill -9", redis_stops(run.store.server)):
            await run.moved(4000)
