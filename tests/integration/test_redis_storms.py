"""Workers behind a line that breaks at random, exactly once: each message goes over once, and in order where promised."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import time

import pytest
from redis.asyncio import Redis

from tests.infra.proxy import Proxy, proxy_to
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_crashes import crash, new_worker
from tests.integration.redis_tools import add, command, entries, numbered, pending

pytestmark = pytest.mark.integration

WORKERS = 3
COUNT = 8000
STORM = 5.0  # seconds; then the line is left alone
PATIENCE = 60.0


def slowly(values: list[bytes]) -> list[bytes]:
    """Take so long that the storm falls into the work."""
    time.sleep(4e-4 * len(values))
    return values


async def trouble(proxy: Proxy, chance: random.Random) -> None:
    """Break the line in every way, and let it be at the end."""
    end = time.monotonic() + STORM
    while time.monotonic() < end:
        await asyncio.sleep(chance.uniform(0.02, 0.3))
        match chance.randrange(4):
            case 0:
                proxy.reset()
            case 1:
                proxy.cut = chance.randrange(50_000)
                await asyncio.sleep(chance.uniform(0.02, 0.2))
                proxy.cut = None
            case 2:
                proxy.blackhole = True
                await asyncio.sleep(chance.uniform(0.1, 1.5))  # longer than a lease, now and then
                proxy.blackhole = False
            case 3:
                proxy.delay = chance.uniform(0.0, 0.4)
                await asyncio.sleep(chance.uniform(0.05, 0.4))
                proxy.delay = 0.0


async def work(url: str, streams: list[str], ordering: str, seed: int) -> None:
    """Run workers one after the other until one is through; some of them die."""
    chance = random.Random(seed)
    deaths = 4
    while True:
        worker, source = new_worker(url, "exactly_once", slowly, 300, streams, ordering=ordering, lease="1s")
        running = asyncio.create_task(worker.run())
        if not deaths:
            return await running
        done, _ = await asyncio.wait({running}, timeout=chance.uniform(0.5, 2.5))
        if done:
            return running.result()
        deaths -= 1
        if chance.random() < 0.7:
            crash(source)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


# A worker that is cancelled while it connects leaves it to the garbage collector to close the socket: here, and not in
# the middle of another test.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ordering", ["strict", "none"])
async def test_whatever_breaks_each_message_goes_over_once(start_redis: StartRedis, stream: str, ordering: str) -> None:
    server = start_redis()
    redis = raw_client(server.url)
    streams = [f"{stream}-{number}" for number in range(2)]
    for name in streams:
        await add(redis, name, numbered(0, COUNT))
    proxies: list[Proxy] = []
    async with contextlib.AsyncExitStack() as lines, asyncio.timeout(PATIENCE + STORM), asyncio.TaskGroup() as group:
        for seed in range(WORKERS):
            proxy = await lines.enter_async_context(proxy_to(server.port))
            proxies.append(proxy)
            url = server.url.replace(str(server.port), str(proxy.port))
            group.create_task(trouble(proxy, random.Random(100 + seed)))
            group.create_task(work(url, streams, ordering, seed))
    touched = [proxy.touched for proxy in proxies]
    assert min(touched) > 0, touched  # one that waits for a lease meets little
    assert sum(touched) > 10, touched
    for name in streams:
        arrived = await values_in(redis, f"{name}.aura")
        assert (arrived if ordering == "strict" else sorted(arrived)) == numbered(0, COUNT)
        assert await pending(redis, name) == 0
        assert await command(redis, "EXISTS", f"{name}.dead") == 0
    await redis.aclose()
    gc.collect()


async def values_in(redis: Redis, stream: str) -> list[bytes]:
    return [flat[1] for flat in await entries(redis, stream)]
