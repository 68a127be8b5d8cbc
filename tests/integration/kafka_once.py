"""Building exactly-once pairs in tests, running them, and faults at the end of a transaction."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka.producer.sender import EndTxnHandler
from aura_connectors.kafka import KafkaExactlyOnceSink, KafkaSource, SinkOptions, SourceOptions, connector

from aura_stream.errors import UnavailableError
from aura_stream.model import Batch
from aura_stream.ports import Context
from aura_stream.runtime import Ends, Heartbeat, Transform, Worker, WorkerOptions
from tests.infra.kafka import Broker
from tests.infra.kafka.tools import Record, read_all
from tests.infra.proxy import Proxy, proxy_to
from tests.integration.kafka_support import PATIENCE

Pair = tuple[KafkaSource, KafkaExactlyOnceSink]
NAMESPACE = "once"


def numbered(count: int, partitions: int = 1, first: int = 0) -> list[Record]:
    """Return records that differ, spread evenly."""
    return [Record(b"%06d" % number, partition=number % partitions) for number in range(first, first + count)]


def build(
    servers: str,
    topic: str,
    output: str,
    *,
    once: bool = False,
    via: str | None = None,
    dead: str | None = None,
    **more: Any,
) -> Pair:
    """Build both ends; `via` is the address that the producers use; `more` are options of source and sink."""
    of_source = {name: more.pop(name) for name in list(more) if name in SourceOptions.model_fields}
    source = SourceOptions(servers=servers, topics=[topic], **({"group": f"group-{topic}"} | of_source))
    sink = SinkOptions(servers=via or servers, topic=output, **more)
    letters = connector.burying(sink, dead) if dead is not None else None
    return connector.exactly_once(source, sink, letters, Context(NAMESPACE, once))


@asynccontextmanager
async def started(pair: Pair) -> AsyncIterator[Pair]:
    """Start both ends, and stop them at the end."""
    source, sink = pair
    try:
        await sink.start(await source.start())
        yield pair
    finally:
        await sink.stop()
        await source.stop()


def worker(pair: Pair, portion: int = 5000, once: bool = True, seconds: float = 0.0) -> Worker:
    """Return the engine over both ends, copying; each batch takes it so long."""

    def copy(messages: Sequence[bytes]) -> list[bytes]:
        time.sleep(seconds)
        return list(messages)

    transform = Transform(copy, lambda _: {}, False, 2**22)
    return Worker(Ends(*pair), transform, WorkerOptions(once=once, max_messages=portion), Heartbeat(None))


async def bring(pair: Pair, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> int:
    """Publish and settle as the engine does: again and again what is owned; return how often that was not certain."""
    source, sink = pair
    doubts = 0
    async with asyncio.timeout(PATIENCE):
        while batches := [batch for batch in batches if source.owns(batch)]:
            try:
                await sink.publish_and_settle(batches, dead)
                break
            except UnavailableError:
                doubts += 1
                await asyncio.sleep(0.1)
    return doubts


async def copy_rest(pair: Pair, portion: int = 5000) -> None:
    """Copy until a source with `once` is through."""
    source, _ = pair
    async with asyncio.timeout(PATIENCE):
        while not await source.finished():
            await bring(pair, await source.fetch(portion, 2**22, 0.2))


async def values_of(servers: str, topic: str) -> list[bytes | None]:
    """Return the values that a careful reader sees, partition by partition."""
    return [record.value for record in await read_all(servers, topic)]


def in_order(records: Sequence[Record]) -> list[bytes | None]:
    """Return what `values_of` returns if nothing is lost, twice or in another order."""
    return [record.value for record in sorted(records, key=lambda record: record.partition)]


@asynccontextmanager
async def in_between(broker: Broker) -> AsyncIterator[tuple[str, Proxy]]:
    """Run a proxy in front of the broker; clients of the address stay behind it."""
    port, shown = broker.proxied["VIA_OUTPUT"]
    async with proxy_to(port, listen=shown) as proxy:
        yield f"127.0.0.1:{shown}", proxy


@contextmanager
def at_the_end_of_the_first(fault: Callable[[Callable[[], Awaitable[bool]]], Awaitable[bool]]) -> Iterator[list[int]]:
    """Let the first EndTxn be sent by `fault`, which is handed the sending; yields a list that grows with each."""
    original, ends = EndTxnHandler.do, []

    async def do(self: Any, node_id: int) -> bool:
        ends.append(len(ends))
        if len(ends) > 1:
            return bool(await original(self, node_id))
        return await fault(lambda: original(self, node_id))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EndTxnHandler, "do", do)
        yield ends


@contextmanager
def nothing_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail if asyncio complains: of an error that nobody looked at, or of a task that was left behind."""
    caplog.clear()
    yield
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
