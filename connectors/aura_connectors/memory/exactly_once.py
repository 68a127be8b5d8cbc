"""Publishing and settling in one step: in one process nothing comes between them."""

from __future__ import annotations

from collections.abc import Sequence

from aura_connectors.memory.sink import MemorySink
from aura_connectors.memory.source import MemorySource
from aura_stream.model import Batch, Topic


class MemoryExactlyOnceSink:
    """See `aura_stream.ports.ExactlyOnceSink`."""

    def __init__(self, source: MemorySource, sink: MemorySink, dead_letters: MemorySink | None) -> None:
        self._source = source
        self._sink = sink
        self._dead_letters = dead_letters

    async def start(self, inputs: Sequence[Topic]) -> None:
        await self._sink.start(inputs)
        if self._dead_letters is not None:
            await self._dead_letters.start(inputs)

    async def publish_and_settle(self, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> None:
        await self._sink.publish([batch for batch in batches if self._source.owns(batch)])
        if self._dead_letters is not None:
            await self._dead_letters.publish([batch for batch in dead if self._source.owns(batch)])
        ends = sorted((*batches, *dead), key=lambda batch: int(batch.positions[-1]))
        await self._source.settle(ends)

    async def stop(self) -> None:
        await self._sink.stop()
