"""Writing topics with one idempotent producer: whole batches, records as they were, nothing without an answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer

from aura_connectors.kafka.client import REQUEST_TIMEOUT_MS, create_nothing, discard, guarded, security
from aura_connectors.kafka.options import SinkOptions
from aura_connectors.kafka.outputs import Outputs
from aura_connectors.kafka.sending import Rows, add_rows, count_rows, send_all
from aura_stream.model import Batch, Topic
from aura_stream.ports import Context

MAX_SEQUENCE = 2**31 - 1  # records to a partition in one producer session: aiokafka's counter does not wrap
START_TIMEOUT = 5.0


class KafkaSink:
    """A `Sink`; see the port for the contract."""

    def __init__(self, options: SinkOptions, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._context = context
        self._outputs = Outputs(options, context, clock)
        self._producer: AIOKafkaProducer | None = None
        self._sent: Counter[tuple[str, int]] = Counter()

    async def start(self, inputs: Sequence[Topic]) -> None:
        """Connect, and find or make the output topics."""
        await self._discard()
        await self._outputs.open(inputs)
        if not self._context.probe:
            await self._connect()

    async def publish(self, batches: Sequence[Batch]) -> None:
        """Write the batches, partitions side by side, and wait for every acknowledgement."""
        if self._producer is None:
            await self._outputs.reopen()
            await self._connect()
        rows: Rows = {}
        for number, batch in enumerate(batches):
            add_rows(rows, self._outputs, batch, number)
        await self._renew(rows)
        try:
            await send_all(self._producer, rows, self._options, transactional=False)
        except BaseException:
            await self._discard()
            raise

    async def stop(self) -> None:
        """Close the producer."""
        await self._discard()

    async def _connect(self) -> None:
        options = self._options
        producer = AIOKafkaProducer(
            bootstrap_servers=options.servers,
            enable_idempotence=True,
            acks="all",
            compression_type=None if options.compression == "none" else options.compression,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **security(options),
        )
        create_nothing(producer.client)
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

    async def _renew(self, rows: Rows) -> None:
        """Take a new producer before its sequence numbers run out; everything sent before is acknowledged."""
        counts = count_rows(rows)
        if any(self._sent[where] + count > MAX_SEQUENCE for where, count in counts.items()):
            await self._discard()
            await self._connect()
        self._sent.update(counts)
