"""A consumer of a compressed Kafka topic, with the codec and no bridge.

python examples/consume.py localhost:9092 orders.raw.aura orders.book
"""

from __future__ import annotations

import asyncio
import sys

from aiokafka import AIOKafkaConsumer

from aura_stream import Codebook, HybridCodec


async def consume(servers: str, topic: str, book: str) -> None:
    """Print the messages that the topic holds now."""
    codec = HybridCodec(Codebook.load(book))
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                frames = [record.value for record in records if record.value is not None]  # None: a tombstone
                for message in codec.decode_batch(frames):
                    sys.stdout.buffer.write(message + b"\n")
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(consume(*sys.argv[1:]))
