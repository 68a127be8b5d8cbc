"""Faults from outside, as context managers: `async with run.fault("input refuses", refuses(run.input.proxy)): …`.

Each yields the evidence: a function that tells, while the fault lasts or right after, whether it touched anybody.
Write one of your own in the same way; without evidence (yield None) a fault counts as fired.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aura_stream.app.embedded import EmbeddedServer
from tests.faults.processes import Worker
from tests.infra.kafka import Broker
from tests.infra.proxy import Proxy

Evidence = Callable[[], bool] | None
Fault = AbstractAsyncContextManager[Evidence]


def _touching(proxy: Proxy) -> Callable[[], bool]:
    before = proxy.touched
    return lambda: proxy.touched > before


@asynccontextmanager
async def refuses(proxy: Proxy) -> AsyncIterator[Evidence]:
    """Connections are cut and refused, as of a server that is not there."""
    evidence = _touching(proxy)
    await proxy.down()
    try:
        yield evidence
    finally:
        await proxy.up()


@asynccontextmanager
async def blackholes(proxy: Proxy) -> AsyncIterator[Evidence]:
    """Connections are taken, and nothing passes, as behind a firewall that drops."""
    evidence = _touching(proxy)
    proxy.blackhole = True
    try:
        yield evidence
    finally:
        proxy.blackhole = False


@asynccontextmanager
async def resets(proxy: Proxy, after: int = 1000) -> AsyncIterator[Evidence]:
    """Each connection is reset after so many bytes in one direction, in mid-frame."""
    evidence = _touching(proxy)
    proxy.cut = after
    try:
        yield evidence
    finally:
        proxy.cut = None


@asynccontextmanager
async def delays(proxy: Proxy, seconds: float) -> AsyncIterator[Evidence]:
    """Each answer comes so much later."""
    evidence = _touching(proxy)
    proxy.delay = seconds
    try:
        yield evidence
    finally:
        proxy.delay = 0.0


@asynccontextmanager
async def throttles(proxy: Proxy, rate: float) -> AsyncIterator[Evidence]:
    """So many bytes a second pass in each direction."""
    evidence = _touching(proxy)
    proxy.rate = rate
    try:
        yield evidence
    finally:
        proxy.rate = None


@asynccontextmanager
async def broker_stops(broker: Broker, *, hard: bool) -> AsyncIterator[Evidence]:
    """A broker is stopped cleanly, or as by kill -9, and started again."""
    await asyncio.to_thread(broker.stop, hard=hard)
    try:
        yield None
    finally:
        await asyncio.to_thread(broker.start)


@asynccontextmanager
async def redis_stops(server: EmbeddedServer) -> AsyncIterator[Evidence]:
    """A Redis is killed with kill -9, and started again where it was, with what it had written to its disk."""
    await asyncio.to_thread(server.stop)
    try:
        yield None
    finally:
        await asyncio.to_thread(server.start)


@asynccontextmanager
async def paused(worker: Worker) -> AsyncIterator[Evidence]:
    """A worker is stopped with SIGSTOP, and goes on with SIGCONT as if no time had passed."""
    worker.send(signal.SIGSTOP)
    while worker.running and worker.process.status() != "stopped":  # noqa: ASYNC110  it tells nobody
        await asyncio.sleep(0.01)
    try:
        yield lambda: worker.process.status() == "stopped"
    finally:
        if worker.running:
            worker.send(signal.SIGCONT)
