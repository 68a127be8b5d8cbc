"""A real Kafka for `tests.by_hand.exactly_once`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.infra.kafka import Broker
from tests.infra.kafka.tools import Record, create_topic, produce

RAW, FRAMES, PARTITIONS = "raw", "frames", 4


class Kafka:
    """A topic of four partitions, and one for the frames."""

    partitions = PARTITIONS

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._looking: AIOKafkaConsumer | None = None

    def options(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        source = {"servers": self._servers, "topics": [RAW], "group": "kills", "session_timeout": "2s"}
        return {"kafka": source}, {"kafka": {"servers": self._servers, "topic": FRAMES}}

    async def write(self, messages: Mapping[int, Sequence[bytes]]) -> None:
        rows = [Record(message, partition=partition) for partition, part in messages.items() for message in part]
        await produce(self._servers, RAW, rows)

    async def read(self) -> Sequence[Sequence[bytes]]:
        return await self._read("read_committed")

    async def moved(self) -> int:
        if self._looking is None:
            self._looking = AIOKafkaConsumer(bootstrap_servers=self._servers, isolation_level="read_committed")
            await self._looking.start()
        return sum((await self._looking.end_offsets([TopicPartition(FRAMES, p) for p in range(PARTITIONS)])).values())

    async def close(self) -> None:
        if self._looking is not None:
            await self._looking.stop()

    async def notes(self) -> Mapping[str, object]:
        everything = sum(map(len, await self._read("read_uncommitted")))
        committed = sum(map(len, await self._read("read_committed")))
        return {"records of transactions that were aborted, seen by nobody who reads committed": everything - committed}

    async def _read(self, isolation: str) -> list[list[bytes]]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._servers, isolation_level=isolation)
        await consumer.start()
        try:
            partitions = [TopicPartition(FRAMES, index) for index in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            frames: dict[TopicPartition, list[bytes]] = {tp: [] for tp in partitions}
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    frames[tp] += [record.value for record in records]
        finally:
            await consumer.stop()
        return [frames[tp] for tp in partitions]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Kafka]:
    """Run a broker for the length of a story."""
    (folder / "kafka").mkdir()
    broker = Broker.create(folder / "kafka")
    try:
        broker.start()
        await create_topic(broker.servers, RAW, PARTITIONS)
        await create_topic(broker.servers, FRAMES, PARTITIONS)
        kafka = Kafka(broker.servers)
        try:
            yield kafka
        finally:
            await kafka.close()
    finally:
        broker.stop(hard=True)
