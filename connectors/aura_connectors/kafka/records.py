"""From batches to rows that a producer appends, and where each row goes. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Literal

from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from aura_connectors.kafka.topics import max_message_bytes
from aura_connectors.mapping import to_records
from aura_stream.errors import ConfigError, UnwritableMessageError
from aura_stream.model import Batch, Records, Topic
from aura_stream.model.metadata import Header

Row = tuple[int, bytes | None, bytes | None, Sequence[Header]]  # timestamp in ms, key, value, headers

_key_of, _value_of, _headers_of = itemgetter(1), itemgetter(2), itemgetter(3)
_NO_HEADERS: list[Header] = []  # one for all: the record builder only reads it, and wants a list
_OVERHEAD = 61 + 64  # bytes: header of a batch, and the lengths in a record with few headers
_HEADER_OVERHEAD = 10
_CODECS = {
    "none": DefaultRecordBatch.CODEC_NONE,
    "gzip": DefaultRecordBatch.CODEC_GZIP,
    "snappy": DefaultRecordBatch.CODEC_SNAPPY,
    "lz4": DefaultRecordBatch.CODEC_LZ4,
    "zstd": DefaultRecordBatch.CODEC_ZSTD,
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a sink must know of an output topic to write it."""

    name: str
    partitions: int
    max_message_bytes: int
    needs_keys: bool
    codec: int

    @classmethod
    def of(cls, topic: Topic, compression: str) -> Target:
        """Return the target for a described topic."""
        compacted = "compact" in topic.settings.get("cleanup.policy", "")
        return cls(topic.name, topic.partitions, max_message_bytes(topic), compacted, _CODECS[compression])

    def check(self, rows: Sequence[Row], batch: int) -> None:
        """Raise UnwritableMessageError for the first message that this topic can never take."""
        if self.needs_keys and (index := next((i for i, row in enumerate(rows) if row[1] is None), None)) is not None:
            raise UnwritableMessageError(f"{self.name} is compacted: it takes no message without a key", index, batch)
        room = self.max_message_bytes - _OVERHEAD
        if not any(map(_headers_of, rows)) and _longest(rows, _value_of) + _longest(rows, _key_of) <= room:
            return
        for index, row in enumerate(rows):
            if _size(row) > room and (size := self._written_size(row)) > self.max_message_bytes:
                text = f"{size} bytes are more than max.message.bytes={self.max_message_bytes} of {self.name}"
                raise UnwritableMessageError(text, index, batch)

    def _written_size(self, row: Row) -> int:
        """Return the bytes of a batch with this one record, compressed: what the broker compares."""
        timestamp, key, value, headers = row
        builder = DefaultRecordBatchBuilder(2, self.codec, 0, -1, -1, 0, self.max_message_bytes)
        builder.append(0, timestamp=timestamp, key=key, value=value, headers=headers)
        return len(builder.build())


def _longest(rows: Sequence[Row], column: Callable[[Row], bytes | None]) -> int:
    return max(map(len, filter(None, map(column, rows))), default=0)


def _size(row: Row) -> int:
    _, key, value, headers = row
    size = len(value) if value else 0
    if key:
        size += len(key)
    for name, content in headers:
        size += 4 * len(name) + (len(content) if content else 0) + _HEADER_OVERHEAD  # 4: the longest UTF-8
    return size


def to_rows(batch: Batch, metadata: bool, clock: Callable[[], float]) -> tuple[list[Row], Sequence[int]]:
    """Return the batch's messages as rows, and the input partition of each (one for all: a list of one).

    Without metadata of its own a message has the present time and no key; `metadata=False` drops keys and headers.
    """
    partitions: Sequence[int] = [batch.partition.index]
    match batch.metadata:
        case None:
            now = int(clock() * 1000)
            return list(zip(repeat(now), repeat(None), batch.values, repeat(_NO_HEADERS))), partitions
        case Records() as records:
            pass
        case _:
            records, partitions = to_records(batch)
    if not metadata:
        rows = zip(records.timestamps, repeat(None), batch.values, repeat(_NO_HEADERS))
        return list(rows), partitions
    headers: Iterable[Sequence[Header]] = repeat(_NO_HEADERS)
    if any(records.headers):
        headers = [list(row) if row else _NO_HEADERS for row in records.headers]
    return list(zip(records.timestamps, records.keys, batch.values, headers)), partitions  # noqa: B905


def place(
    rows: list[Row], partitions: Sequence[int], target: Target, rule: Literal["same", "by_key"]
) -> Sequence[tuple[int, list[Row]]]:
    """Split rows by the output partition they go to, each partition's in order. `partitions` as from `to_rows`."""
    if rule == "same" and len(partitions) == 1:
        return [(_existing(partitions[0], target), rows)]
    inputs = partitions if len(partitions) == len(rows) else repeat(partitions[0])
    placed: dict[int, list[Row]] = defaultdict(list)
    for row, index in zip(rows, inputs):  # noqa: B905  # repeat() has no end
        if rule == "same":
            where = _existing(index, target)
        elif row[1] is None:
            where = index % target.partitions
        else:
            where = partition_of_key(row[1], target.partitions)
        placed[where].append(row)
    return list(placed.items())


def _existing(index: int, target: Target) -> int:
    if index >= target.partitions:
        raise ConfigError(
            f"a message belongs to partition {index}, and output topic {target.name} has {target.partitions} "
            "partitions: give it more, or set partition: by_key"
        )
    return index


def fill(builder: BatchBuilder, rows: Iterator[Row]) -> Row | None:
    """Append rows until the batch is full; returns the row that did not fit, None if all did.

    It calls the compiled builder inside: the wrapper's own work for each record (serializers, a second object) is a
    tenth of what a copied record costs, and changes nothing for bytes.
    """
    append = builder._builder.append
    count = builder._relative_offset
    try:
        for row in rows:
            timestamp, key, value, headers = row
            if append(count, timestamp, key, value, headers) is None:
                builder.close()
                return row
            count += 1
    finally:
        builder._relative_offset = count
    return None


@lru_cache(maxsize=2**16)
def partition_of_key(key: bytes, count: int) -> int:
    """Return the partition that Java clients choose for this key (KafkaProducer's default, murmur2)."""
    return int((murmur2(key) & 0x7FFFFFFF) % count)
