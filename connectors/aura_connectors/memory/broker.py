"""A broker inside this process: named topics that keep batches, and groups that keep positions.

Nothing is ever deleted, and nothing outlives the process. For one thread.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from aura_stream.errors import UnavailableError
from aura_stream.model import Batch, Metadata, Partition


class MemoryLog:
    """One partition: the batches that were appended to it, each message at its own offset."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.end = 0
        self._starts: list[int] = []
        self._batches: list[Batch] = []

    def append(self, values: Sequence[bytes | None], metadata: Metadata) -> None:
        """Write messages at the end; `metadata` has one row for each, or is None."""
        if not values:
            return
        offsets = range(self.end, self.end + len(values))
        self._starts.append(self.end)
        self._batches.append(Batch(self.partition, list(values), offsets, metadata))
        self.end = offsets.stop

    def read(self, offset: int, max_messages: int, max_bytes: int) -> Batch | None:
        """Return the messages from `offset` to the end of their batch within the limits; None at the end."""
        if offset >= self.end:
            return None
        place = bisect_right(self._starts, offset) - 1
        start = offset - self._starts[place]
        batch = self._batches[place]
        stop, size = start, 0
        while stop < len(batch) and stop - start < max_messages:
            size += len(batch.values[stop] or b"")
            if size > max_bytes and stop > start:
                break
            stop += 1
        return batch.part(start, stop)

    def read_all(self) -> list[Batch]:
        """Return everything that was written, in order."""
        return list(self._batches)


class MemoryBroker:
    """Topics by name, each of one or more partitions; groups with their settled positions."""

    _named: ClassVar[dict[str, MemoryBroker]] = {}

    def __init__(self) -> None:
        self.available = True  # False: whoever asks gets UnavailableError, as with a broker that is down
        self._logs: dict[str, list[MemoryLog]] = {}
        self._settled: dict[str, dict[Partition, int]] = defaultdict(dict)
        self._epochs: dict[str, int] = defaultdict(int)
        self._written: set[asyncio.Event] = set()

    @classmethod
    def named(cls, name: str) -> MemoryBroker:
        """Return the broker of that name, made at first sight."""
        return cls._named.setdefault(name, cls())

    @classmethod
    def forget(cls, name: str) -> None:
        """Drop the broker of that name with everything in it."""
        cls._named.pop(name, None)

    def create(self, topic: str, partitions: int = 1) -> None:
        """Make a topic if there is none of that name."""
        self._logs.setdefault(topic, [MemoryLog(Partition(topic, index)) for index in range(partitions)])

    def topic(self, topic: str) -> list[MemoryLog] | None:
        """Return the topic's partitions, None if there is no such topic."""
        self.require()
        return self._logs.get(topic)

    def append(self, partition: Partition, values: Sequence[bytes | None], metadata: Metadata = None) -> None:
        """Write messages; a topic that is missing is made with the partition asked for as its last."""
        self.require()
        self.create(partition.topic, partition.index + 1)
        logs = self._logs[partition.topic]
        logs[partition.index % len(logs)].append(values, metadata)
        for event in self._written:
            event.set()

    def join(self, group: str) -> int:
        """Make the caller the reader of all of the group's topics; return its epoch."""
        self.require()
        self._epochs[group] += 1
        return self._epochs[group]

    def epoch(self, group: str) -> int:
        """Return the epoch of the group's newest reader."""
        return self._epochs[group]

    def settle(self, group: str, partition: Partition, offset: int) -> None:
        """Note that the group needs nothing before `offset` any more."""
        self.require()
        self._settled[group][partition] = offset

    def settled(self, group: str, partition: Partition) -> int:
        """Return the first offset that the group still needs."""
        self.require()
        return self._settled[group].get(partition, 0)

    async def wait_written(self, timeout: float) -> None:
        """Return as soon as anything was written, at the latest after `timeout` seconds."""
        event = asyncio.Event()
        self._written.add(event)
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._written.discard(event)

    def require(self) -> None:
        """Raise UnavailableError while the broker is told to be down."""
        if not self.available:
            raise UnavailableError("the memory broker is set to be unavailable")
