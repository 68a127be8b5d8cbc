"""How oracle and judge read what a run wrote: directly, only what is committed, and with what stands beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgpack
from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.faults import payloads
from tests.faults.plan import Place
from tests.infra.redis import raw_client

NOTE = "aura.dead"
Position = Mapping[tuple[str, int], Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record or entry, as it stands there; the note of a dead letter stands apart."""

    name: str
    partition: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes | None]] = field(default_factory=list)
    fields: Sequence[tuple[bytes, bytes]] = field(default_factory=list)
    note: bytes | None = None

    @property
    def which(self) -> tuple[int, int] | None:
        """Lane and number of the message, None if it is none of ours."""
        return payloads.identified(self._identity())

    def _identity(self) -> bytes | None:
        if self.key is not None:
            return self.key
        for name, value in [*self.fields, *((name.encode(), value) for name, value in self.headers)]:
            if name == payloads.NAME_FIELD:
                return value
            if name in (b"aura", b"aura.fields"):
                return _identity_in(msgpack.unpackb(value or b"\xc0"))
        return None

    def is_faithful(self, lane: int, number: int) -> bool:
        """Tell whether all that stands beside the message is what the oracle wrote (docs/guarantees.md)."""
        names = payloads.identity(lane, number), payloads.timestamp(number)
        headers, fields = payloads.headers(number), payloads.fields(lane, number)
        if self.key is not None:  # a record that was a record
            return (self.partition, self.key, self.timestamp, list(self.headers)) == (lane, *names, headers)
        if self.headers:  # a record that was an entry
            shape = [b"%d-0" % names[1], [list(row) for row in fields]]
            return self.timestamp == names[1] and msgpack.unpackb(self.headers[0][1] or b"") == shape
        if self.fields and self.fields[0][0] == b"aura":  # an entry that was a record
            shape = [1, names[0], names[1], 0, [list(row) for row in headers], lane]
            return len(self.fields) == 1 and msgpack.unpackb(self.fields[0][1]) == shape
        return list(self.fields) == fields


def _identity_in(shape: Any) -> bytes | None:
    match shape:
        case [1, key, *_]:
            return key if isinstance(key, bytes) else None
        case [bytes(), [[payloads.NAME_FIELD, value], *_], *_]:
            return value if isinstance(value, bytes) else None
    return None


class Outlet(Protocol):
    """An output, or a place of dead letters."""

    async def end(self) -> Position:
        """Return where the output ends now."""
        ...

    def read(self, start: Position, *, follow: bool = False) -> AsyncIterator[list[Arrived]]:
        """Yield what stands behind `start` ({}: the beginning), to the end as it is now, or for ever."""
        ...

    async def count(self) -> int:
        """Return about how much there is."""
        ...


def outlet_of(place: Place) -> Outlet:
    """Return the outlet of a place."""
    return KafkaOutlet(place) if place.kind == "kafka" else RedisOutlet(place)


class KafkaOutlet:
    """Topics, read without a group."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def end(self) -> Position:
        async for consumer in self._consumer():
            return await self._ends(consumer)
        raise AssertionError

    async def count(self) -> int:
        return sum((await self.end()).values())

    async def read(self, start: Position, *, follow: bool = False) -> AsyncIterator[list[Arrived]]:
        async for consumer in self._consumer():
            ends = await self._ends(consumer)
            partitions = [TopicPartition(*part) for part in ends]
            consumer.assign(partitions)
            for tp in partitions:
                consumer.seek(tp, start.get((tp.topic, tp.partition), 0))
            while follow or any([await consumer.position(TopicPartition(*part)) < at for part, at in ends.items()]):
                fetched = await consumer.getmany(timeout_ms=100)
                yield [self._arrived(record) for records in fetched.values() for record in records]

    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._place.address, auto_offset_reset="earliest", isolation_level="read_committed"
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def _ends(self, consumer: AIOKafkaConsumer) -> dict[tuple[str, int], int]:
        there = await consumer.topics()  # a topic of dead letters is made when it is needed
        parts = [TopicPartition(*part) for part in self._place.parts if part[0] in there]
        return {(tp.topic, tp.partition): end for tp, end in (await consumer.end_offsets(parts)).items()}

    @staticmethod
    def _arrived(record: Any) -> Arrived:
        headers = list(record.headers)
        note = headers.pop()[1] if headers and headers[-1][0] == NOTE else None
        beside = {"key": record.key, "timestamp": record.timestamp, "headers": headers, "note": note}
        return Arrived(record.topic, record.partition, record.value, **beside)


class RedisOutlet:
    """Streams, read without a group."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def end(self) -> Position:
        ends = {}
        async with raw_client(self._place.address) as redis:
            for part in self._place.parts:
                ends[part] = await self._last(redis, part[0])
        return ends

    @staticmethod
    async def _last(redis: Redis, name: str) -> bytes:
        try:
            info = await redis.execute_command("XINFO", "STREAM", name)
        except ResponseError as error:
            if "no such key" in str(error):
                return b"0-0"
            raise
        last: bytes = dict(zip(info[::2], info[1::2], strict=True))[b"last-generated-id"]
        return last

    async def count(self) -> int:
        async with raw_client(self._place.address) as redis:
            return sum([await redis.execute_command("XLEN", name) for name, _ in self._place.parts])

    async def read(self, start: Position, *, follow: bool = False) -> AsyncIterator[list[Arrived]]:
        at = {name: start.get((name, index), b"0-0") for name, index in self._place.parts}
        async with raw_client(self._place.address) as redis:
            while True:
                wait = ("BLOCK", 100) if follow else ()
                words = ("XREAD", "COUNT", 2000, *wait, "STREAMS", *at, *at.values())
                reply = await redis.execute_command(*words) or []
                if not reply and not follow:
                    return
                at |= {name.decode(): rows[-1][0] for name, rows in reply}
                yield [self._arrived(name.decode(), flat) for name, rows in reply for _, flat in rows]

    @staticmethod
    def _arrived(name: str, flat: Sequence[bytes]) -> Arrived:
        fields = list(zip(flat[::2], flat[1::2], strict=True))
        note = fields.pop()[1] if fields and fields[-1][0] == NOTE.encode() else None
        at = next((index for index, (field_name, _) in enumerate(fields) if field_name == b"d"), None)
        value = fields.pop(at)[1] if at is not None else None
        return Arrived(name, 0, value, fields=fields, note=note)
