"""How the oracle writes: each message at a place of its own, so that what is uncertain can be looked up and no message
is ever written twice, whatever happens to the server meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.faults.payloads import fields, headers, identity, timestamp
from tests.faults.plan import Place
from tests.infra.redis import raw_client

BATCH_BYTES = 1 << 19
MAX_MESSAGE = 1 << 24


class Inlet(Protocol):
    """The input of a run, lane by lane; message N of a lane stands at place N."""

    async def length(self, lane: int) -> int:
        """Return how many messages the lane holds: the number of the next one."""
        ...

    async def write(self, lane: int, first: int, values: Sequence[bytes]) -> None:
        """Append messages and return when they are acknowledged. May raise anything, and may have written some."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


def inlet_to(place: Place) -> Inlet:
    """Return the inlet for a place."""
    return KafkaInlet(place) if place.kind == "kafka" else RedisInlet(place)


class KafkaInlet:
    """A topic with a partition for each lane, written by nobody else and without transactions: offset = number."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()  # lanes write side by side

    async def length(self, lane: int) -> int:
        await self.close()  # nothing that is still on its way may arrive behind the answer
        consumer = AIOKafkaConsumer(bootstrap_servers=self._place.address)
        await consumer.start()
        try:
            tp = TopicPartition(self._place.names[0], lane)
            end: int = (await consumer.end_offsets([tp]))[tp]
            return end
        finally:
            await consumer.stop()

    async def write(self, lane: int, first: int, values: Sequence[bytes]) -> None:
        producer = await self._connected()
        topic = self._place.names[0]
        batch = producer.create_batch()
        for number, value in enumerate(values, first):
            row = {"key": identity(lane, number), "value": value, "timestamp": timestamp(number)}
            row["headers"] = headers(number)
            if batch.append(**row) is None:
                await (await producer.send_batch(batch, topic, partition=lane))
                batch = producer.create_batch()
                batch.append(**row)
        if batch.record_count():
            await (await producer.send_batch(batch, topic, partition=lane))

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._place.address,
                    enable_idempotence=True,
                    max_batch_size=BATCH_BYTES,
                    max_request_size=MAX_MESSAGE,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):  # of a broker that is away: it is thrown away
                await producer.stop()


class RedisInlet:
    """A stream for each lane, whose ids are the messages' timestamps: a server refuses to write one twice."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._redis: Redis = raw_client(place.address)

    async def length(self, lane: int) -> int:
        try:
            info = await self._redis.execute_command("XINFO", "STREAM", self._place.names[lane])
        except ResponseError as error:
            if "no such key" in str(error):
                return 0
            raise
        last: bytes = dict(zip(info[::2], info[1::2], strict=True))[b"last-generated-id"]
        return int(last.partition(b"-")[0]) - timestamp(-1)

    async def write(self, lane: int, first: int, values: Sequence[bytes]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.response_callbacks.clear()
        for number, value in enumerate(values, first):
            more = [part for field in fields(lane, number) for part in field]
            pipeline.execute_command("XADD", self._place.names[lane], f"{timestamp(number)}-0", "d", value, *more)
        await pipeline.execute()

    async def close(self) -> None:
        await self._redis.aclose()
