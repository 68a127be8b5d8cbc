"""Kafka to Kafka: the real worker against a plain aiokafka loop with the same guarantees."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from _bridge import Run, Speed, Stopwatch, encoding, identity, messages, through_worker
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aura_connectors.kafka import KafkaSink, KafkaSource, SinkOptions, SourceOptions

from aura_stream.ports import Context
from aura_stream.runtime import Transform
from tests.infra.kafka import Broker
from tests.infra.kafka.tools import Record, create_topic, produce

MAX_MESSAGES = 5000
BATCH_BYTES = 512 * 2**10


@contextmanager
def broker() -> Iterator[str]:
    """Run a broker, and return its address."""
    folder = Path(tempfile.mkdtemp(prefix="aura-bench-"))
    own = Broker.create(folder)
    try:
        own.start()
        yield own.servers
    finally:
        own.stop(hard=True)
        shutil.rmtree(folder, ignore_errors=True)


async def variants(servers: str, count: int, compression: str) -> dict[str, Run]:
    """Fill an input topic, and return the ways to copy it."""
    topic = f"bench-{uuid4().hex[:8]}"
    await create_topic(servers, topic)
    await produce(servers, topic, [Record(message) for message in messages(count)])

    async def plain() -> Speed:
        return await plain_loop(servers, topic, count, compression)

    def worker(make: Callable[[], Transform]) -> Run:
        async def run() -> Speed:
            group = output = f"{topic}-{uuid4().hex[:8]}"
            source = KafkaSource(SourceOptions(servers=servers, topics=[topic], group=group), Context(once=True))
            sink = KafkaSink(
                SinkOptions.model_validate({"servers": servers, "topic": output, "compression": compression}),
                Context(),
            )
            return await through_worker(source, sink, make(), count)

        return run

    return {
        "plain aiokafka": plain,
        "bridge, identity": worker(identity),
        "bridge, codec": worker(lambda: encoding("batched")),
    }


async def plain_loop(servers: str, topic: str, count: int, compression: str) -> Speed:
    """Copy with aiokafka alone: idempotent, read committed, metadata kept, offsets committed after each portion."""
    output = f"{topic}-{uuid4().hex[:8]}"
    await create_topic(servers, output)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=output,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        enable_idempotence=True,
        compression_type=None if compression == "none" else compression,
        max_batch_size=BATCH_BYTES,
    )
    await consumer.start()
    await producer.start()
    watch, copied = Stopwatch(), 0
    try:
        while copied < count:
            fetched = await consumer.getmany(timeout_ms=500, max_records=MAX_MESSAGES)
            if fetched:
                watch.start()
            for tp, records in fetched.items():
                await copy(producer, output, tp.partition, records)
                copied += len(records)
            await consumer.commit()
        return watch.read(copied)
    finally:
        await consumer.stop()
        await producer.stop()


async def copy(producer: AIOKafkaProducer, output: str, partition: int, records: list) -> None:
    futures = []
    batch = producer.create_batch()
    for record in records:
        row = {"timestamp": record.timestamp, "key": record.key, "value": record.value, "headers": list(record.headers)}
        if batch.append(**row) is None:
            futures.append(await producer.send_batch(batch, output, partition=partition))
            batch = producer.create_batch()
            batch.append(**row)
    futures.append(await producer.send_batch(batch, output, partition=partition))
    for future in futures:
        await future
