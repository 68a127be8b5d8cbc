"""Building Kafka sources and sinks in tests, and running the smallest bridge there is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from aura_connectors.kafka import KafkaSink, KafkaSource, SinkOptions, SourceOptions

from aura_stream.model import Batch, Topic
from aura_stream.ports import Context

PATIENCE = 60.0  # seconds; a bound on hanging, not a measure of speed


def unique(prefix: str = "orders") -> str:
    """Return a topic name that no other test uses."""
    return f"{prefix}-{uuid4().hex[:12]}"


@asynccontextmanager
async def source_of(servers: str, *topics: str, once: bool = False, **options: Any) -> AsyncIterator[KafkaSource]:
    """Start a source, and stop it at the end."""
    options = {"group": f"group-{topics[0]}"} | options
    source = KafkaSource(SourceOptions(servers=servers, topics=list(topics), **options), Context(once=once))
    try:
        await source.start()
        yield source
    finally:
        await source.stop()


async def inputs_of(servers: str, *topics: str) -> Sequence[Topic]:
    """Return the topics as a source shows them to a sink."""
    probe = KafkaSource(SourceOptions(servers=servers, topics=list(topics), group="probe"), Context(probe=True))
    try:
        return await probe.start()
    finally:
        await probe.stop()


@asynccontextmanager
async def sink_to(servers: str, topic: str, inputs: Sequence[Topic], **options: Any) -> AsyncIterator[KafkaSink]:
    """Start a sink, and stop it at the end."""
    sink = KafkaSink(SinkOptions(servers=servers, topic=topic, **options), Context())
    try:
        await sink.start(inputs)
        yield sink
    finally:
        await sink.stop()


async def eventually(what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(0.05)


async def fetch_some(source: KafkaSource, count: int = 1) -> list[Batch]:
    """Fetch until at least `count` messages came."""
    deadline = time.monotonic() + PATIENCE
    batches: list[Batch] = []
    while sum(map(len, batches)) < count:
        assert time.monotonic() < deadline, f"{sum(map(len, batches))} of {count} messages came"
        batches += await source.fetch(5000, 2**22, 0.2)
    return batches


async def copy_until_finished(source: KafkaSource, publish: Callable[[Sequence[Batch]], Awaitable[None]]) -> None:
    """Fetch, publish what is still owned, settle, until a source with `once` is through."""
    deadline = time.monotonic() + PATIENCE
    while not await source.finished():
        assert time.monotonic() < deadline, "never finished"
        batches = [batch for batch in await source.fetch(5000, 2**22, 0.2) if source.owns(batch)]
        await publish(batches)
        await source.settle(batches)
