"""Source over topics of an in-process broker."""

from __future__ import annotations

from collections.abc import Sequence

from aura_connectors.feedback import PLACE
from aura_connectors.memory.broker import MemoryBroker, MemoryLog
from aura_connectors.memory.options import MemorySourceOptions
from aura_stream.errors import ConfigError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context


class MemorySource:
    """Reads all partitions of its topics; whoever starts last in a group takes them over."""

    def __init__(self, options: MemorySourceOptions, context: Context) -> None:
        self._options = options
        self._context = context
        self._broker = MemoryBroker.named(options.broker)
        self._epoch = 0
        self._logs: list[MemoryLog] = []
        self._next: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._paused: set[Partition] = set()

    async def start(self) -> Sequence[Topic]:
        topics = [(name, self._broker.topic(name)) for name in self._options.topics]
        for name, logs in topics:
            if logs is None:
                raise ConfigError(f"topic {name} does not exist in the memory broker {self._options.broker}")
        self._paused.clear()
        self._logs = [log for _, logs in topics for log in logs or ()]
        if not self._context.probe:
            self._epoch = self._broker.join(self._options.group)
        self._next = {log.partition: self._settled(log) for log in self._logs}
        self._ends = {log.partition: log.end for log in self._logs}
        settings = {PLACE: self._options.broker}
        return [Topic(name, len(logs or ()), settings) for name, logs in topics]

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        batches = self._read(max_messages, max_bytes)
        if not batches and timeout > 0:
            await self._broker.wait_written(timeout)
            batches = self._read(max_messages, max_bytes)
        return batches

    def _read(self, max_messages: int, max_bytes: int) -> list[Batch]:
        self._broker.require()
        batches: list[Batch] = []
        if self._epoch != self._broker.epoch(self._options.group):
            return batches  # another reader has taken over
        for log in self._logs:
            while max_messages > 0 and max_bytes > 0 and log.partition not in self._paused:
                batch = log.read(self._next[log.partition], max_messages, max_bytes)
                if batch is None:
                    break
                batches.append(Batch(batch.partition, batch.values, batch.positions, batch.metadata, self._epoch))
                self._next[log.partition] += len(batch)
                max_messages -= len(batch)
                max_bytes -= sum(len(value or b"") for value in batch.values)
        self._logs.append(self._logs.pop(0))  # another partition comes first next time
        return batches

    def owns(self, batch: Batch) -> bool:
        return batch.epoch == self._broker.epoch(self._options.group)

    def awaits(self, batch: Batch) -> bool:
        """Tell whether the batch is ours and not settled yet."""
        settled = self._broker.settled(self._options.group, batch.partition)
        return len(batch) > 0 and self.owns(batch) and int(batch.positions[-1]) >= settled

    async def settle(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            if self.owns(batch):
                self._broker.settle(self._options.group, batch.partition, int(batch.positions[-1]) + 1)

    def pause(self, partition: Partition) -> None:
        self._paused.add(partition)

    def resume(self, partition: Partition) -> None:
        self._paused.discard(partition)

    async def keep_alive(self) -> None:
        self._broker.require()

    async def finished(self) -> bool:
        return self._context.once and all(self._settled(log) >= self._ends[log.partition] for log in self._logs)

    async def lag(self) -> int | None:
        return sum(log.end - self._settled(log) for log in self._logs)

    async def stop(self) -> None:
        """Nothing is held: positions live in the broker."""

    def _settled(self, log: MemoryLog) -> int:
        return self._broker.settled(self._options.group, log.partition)
