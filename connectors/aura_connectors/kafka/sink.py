"""Writing topics with one idempotent producer: whole batches, records as they were, nothing without an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from aura_connectors.feedback import PLACE, refuse_feedback
from aura_connectors.kafka.client import REQUEST_TIMEOUT_MS, admin, discard, guarded, probe, security
from aura_connectors.kafka.options import SOURCE_PLACEHOLDER, SinkOptions
from aura_connectors.kafka.records import Row, Target, fill, place, to_rows
from aura_connectors.kafka.topics import (
    check_partitions,
    create,
    describe,
    harm,
    missing,
    output_like,
)
from aura_stream.errors import ConfigError
from aura_stream.model import Batch, Topic
from aura_stream.ports import Context

log = logging.getLogger(__name__)

BATCH_BYTES = 512 * 2**10  # before compression; larger ones compress no better and hold the loop up longer
MAX_SEQUENCE = 2**31 - 1  # records to a partition in one producer session: aiokafka's counter does not wrap
START_TIMEOUT = 5.0


class KafkaSink:
    """A `Sink`; see the port for the contract."""

    def __init__(self, options: SinkOptions, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._context = context
        self._clock = clock
        self._inputs: Sequence[Topic] = ()
        self._targets: dict[str, Target] = {}
        self._producer: AIOKafkaProducer | None = None
        self._sent: Counter[tuple[str, int]] = Counter()

    async def start(self, inputs: Sequence[Topic]) -> None:
        """Connect, and find or make the output topics."""
        await self._discard()
        self._inputs = inputs
        outputs = await self._prepare()
        for name, output in outputs.items():
            for source in self._sources_of(name):
                for warning in harm(output, source):
                    log.warning(warning)
        if not self._context.probe:
            await self._connect()

    async def publish(self, batches: Sequence[Batch]) -> None:
        """Write the batches, partitions side by side, and wait for every acknowledgement."""
        if self._producer is None:
            await self._prepare()
            await self._connect()
        by_partition: dict[tuple[str, int], list[list[Row]]] = defaultdict(list)
        for number, batch in enumerate(batches):
            target = self._target(batch)
            rows, partitions = to_rows(batch, self._options.metadata, self._clock)
            target.check(rows, number)
            for index, part in place(rows, partitions, target, self._options.partition):
                by_partition[target.name, index].append(part)
        await self._renew(by_partition)
        try:
            await self._send_all(by_partition)
        except BaseException:
            await self._discard()
            raise

    async def stop(self) -> None:
        """Close the producer."""
        await self._discard()

    async def _prepare(self) -> Mapping[str, Topic]:
        """Find or make the outputs of all inputs; returns them by name."""
        await probe(self._options)
        servers = self._options.servers
        names = {self._output_of(source.name): source for source in reversed(self._inputs)}
        async with admin(self._options) as client:
            outputs = await describe(client, names, servers)
            absent = [name for name in names if name not in outputs]
            if absent and not self._options.create:
                raise missing(absent, servers)
            wanted = [self._like_its_inputs(name) for name in absent]
            self._check([*outputs.values(), *wanted])  # before anything is created
            if wanted and self._context.probe:
                log.info("to be created: %s", ", ".join(f"{new.name} ({new.partitions} partitions)" for new in wanted))
            elif wanted:
                for topic in wanted:
                    await create(client, topic, servers)
                    log.info("created topic %s", topic.name)
                outputs = await describe(client, names, servers)
                self._check(list(outputs.values()))  # another worker may have been faster
        self._targets = {name: Target.of(output, self._options.compression) for name, output in outputs.items()}
        return outputs

    def _like_its_inputs(self, name: str) -> Topic:
        return output_like(name, self._sources_of(name), self._options.partitions, self._options.replication)

    def _check(self, outputs: Sequence[Topic]) -> None:
        for output in outputs:
            refuse_feedback(output.name, output.settings.get(PLACE), self._inputs)
            if self._options.partition == "same":
                for source in self._sources_of(output.name):
                    check_partitions(output, source)

    def _output_of(self, source: str) -> str:
        return self._options.topic.replace(SOURCE_PLACEHOLDER, source)

    def _sources_of(self, output: str) -> list[Topic]:
        return [source for source in self._inputs if self._output_of(source.name) == output]

    def _target(self, batch: Batch) -> Target:
        name = self._output_of(batch.partition.topic)
        if name not in self._targets:
            raise ConfigError(f"output topic {name} was not prepared: {batch.partition.topic} is none of the inputs")
        return self._targets[name]

    async def _connect(self) -> None:
        options = self._options
        limits = [target.max_message_bytes for target in self._targets.values()]
        producer = AIOKafkaProducer(
            bootstrap_servers=options.servers,
            enable_idempotence=True,
            acks="all",
            compression_type=None if options.compression == "none" else options.compression,
            max_batch_size=min([BATCH_BYTES, *limits]),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **security(options),
        )
        try:
            async with guarded(options.servers, "connecting", START_TIMEOUT):
                await producer.start()
        except BaseException:
            await discard(producer)
            raise
        self._producer = producer
        self._sent.clear()

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer)

    async def _renew(self, by_partition: Mapping[tuple[str, int], Sequence[Sequence[Row]]]) -> None:
        """Take a new producer before its sequence numbers run out; everything sent before is acknowledged."""
        counts = {where: sum(map(len, parts)) for where, parts in by_partition.items()}
        if any(self._sent[where] + count > MAX_SEQUENCE for where, count in counts.items()):
            await self._discard()
            await self._connect()
        self._sent.update(counts)

    async def _send_all(self, by_partition: Mapping[tuple[str, int], Sequence[Sequence[Row]]]) -> None:
        tasks = [asyncio.create_task(self._send(topic, index, parts)) for (topic, index), parts in by_partition.items()]
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

    async def _send(self, topic: str, index: int, parts: Sequence[Sequence[Row]]) -> None:
        """Send one partition's records in order; while one batch is on its way the next is built."""
        assert self._producer is not None
        futures: list[asyncio.Future[object]] = []
        try:
            rows = chain.from_iterable(parts)
            left: Row | None = next(rows, None)
            while left is not None:
                builder = self._producer.create_batch()
                left = fill(builder, chain([left], rows))
                futures.append(await self._submit(builder, topic, index))
            for future in futures:
                async with guarded(
                    self._options.servers, f"writing to {topic}/{index}", self._options.delivery_timeout
                ):
                    await future
        finally:
            _retrieve(futures)

    async def _submit(self, builder: BatchBuilder, topic: str, index: int) -> asyncio.Future[object]:
        assert self._producer is not None
        async with self._delivery(topic, index):
            future: asyncio.Future[object] = await self._producer.send_batch(builder, topic, partition=index)
        return future

    def _delivery(self, topic: str, index: int) -> AbstractAsyncContextManager[None]:
        return guarded(self._options.servers, f"writing to {topic}/{index}", self._options.delivery_timeout)


def _retrieve(futures: Sequence[asyncio.Future[object]]) -> None:
    """Look at every future that was not awaited, so that asyncio does not complain about its error."""
    for future in futures:
        if future.done() and not future.cancelled():
            future.exception()
        else:
            future.cancel()
