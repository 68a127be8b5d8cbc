"""Sink into topics of an in-process broker."""

from __future__ import annotations

from collections.abc import Sequence

from aura_connectors.feedback import refuse_feedback
from aura_connectors.memory.broker import MemoryBroker
from aura_connectors.memory.options import PLACEHOLDER, MemorySinkOptions
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context


class MemorySink:
    """Appends batches to the topic that their input's name gives."""

    def __init__(self, options: MemorySinkOptions, context: Context) -> None:
        self._options = options
        self._context = context
        self._broker = MemoryBroker.named(options.broker)

    async def start(self, inputs: Sequence[Topic]) -> None:
        self._broker.require()
        for topic in inputs:
            refuse_feedback(self._output(topic.name), self._options.broker, inputs)
        if not self._context.probe:
            for topic in inputs:
                self._broker.create(self._output(topic.name), topic.partitions)

    async def publish(self, batches: Sequence[Batch]) -> None:
        self._broker.require()
        for batch in batches:
            output = Partition(self._output(batch.partition.topic), batch.partition.index)
            self._broker.append(output, batch.values, batch.metadata)

    async def stop(self) -> None:
        """Nothing is held: the topics live in the broker."""

    def _output(self, topic: str) -> str:
        return self._options.topic.replace(PLACEHOLDER, topic)
