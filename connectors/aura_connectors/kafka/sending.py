"""Sending rows through a producer: partitions side by side, each one's batches in order, nothing without an answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from aura_connectors.kafka.client import guarded
from aura_connectors.kafka.options import SinkOptions
from aura_connectors.kafka.outputs import Outputs, Where
from aura_connectors.kafka.records import Row, Target, fill
from aura_stream.model import Batch

BATCH_BYTES = 512 * 2**10  # before compression; larger ones compress no better and hold the loop up longer

Rows = dict[Where, list[list[Row]]]  # in parts, each partition's in order


def add_rows(rows: Rows, outputs: Outputs, batch: Batch, number: int) -> None:
    """Add a batch's records. Raises UnwritableMessageError for batch `number`."""
    for where, part in outputs.placed(batch, number):
        rows.setdefault(where, []).append(part)


def count_rows(rows: Mapping[Where, Sequence[Sequence[Row]]]) -> Counter[tuple[str, int]]:
    """Return how many records go to each topic and partition."""
    return Counter({(target.name, index): sum(map(len, parts)) for (target, index), parts in rows.items()})


async def send_all(
    producer: AIOKafkaProducer, rows: Mapping[Where, Sequence[Sequence[Row]]], options: SinkOptions, transactional: bool
) -> None:
    """Send all rows and wait for every acknowledgement; after an error nobody knows which of them arrived.

    Raises UnavailableError and ConfigError.
    """
    sender = _Sender(producer, options, transactional)
    await side_by_side(sender.send(target, index, parts) for (target, index), parts in rows.items())


async def side_by_side(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all of it at once. Raises the first error, when the rest is cancelled and over."""
    tasks = [asyncio.create_task(each) for each in work]
    if not tasks:
        return
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Sender:
    def __init__(self, producer: AIOKafkaProducer, options: SinkOptions, transactional: bool) -> None:
        self._producer = producer
        self._options = options
        self._transactional = transactional

    async def send(self, target: Target, index: int, parts: Sequence[Sequence[Row]]) -> None:
        """Send one partition's records in order; while one batch is on its way the next is built."""
        futures: list[asyncio.Future[object]] = []
        servers, patience = self._options.servers, self._options.delivery_timeout
        action = f"writing to {target.name}/{index}"
        try:
            rows = chain.from_iterable(parts)
            left: Row | None = next(rows, None)
            while left is not None:
                builder = self._new_batch(target)
                left = fill(builder, chain([left], rows))
                async with guarded(servers, action, patience):
                    futures.append(await self._producer.send_batch(builder, target.name, partition=index))
            for future in futures:
                async with guarded(servers, action, patience):
                    await future
        finally:
            _retrieve(futures)

    def _new_batch(self, target: Target) -> BatchBuilder:
        """Return what the producer's own `create_batch` would, with the limit and the codec of this topic."""
        size = min(BATCH_BYTES, target.max_message_bytes)
        return BatchBuilder(size, target.codec, is_transactional=self._transactional)


def _retrieve(futures: Sequence[asyncio.Future[object]]) -> None:
    """Look at every future that was not awaited, so that asyncio does not complain about its error."""
    for future in futures:
        if future.done() and not future.cancelled():
            future.exception()
        else:
            future.cancel()
