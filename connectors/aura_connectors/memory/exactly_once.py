"""Publishing and settling in one step: in one process nothing comes between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aura_connectors.memory.options import MemorySinkOptions, MemorySourceOptions
from aura_connectors.memory.sink import MemorySink
from aura_connectors.memory.source import MemorySource
from aura_stream.errors import ConfigError
from aura_stream.model import Batch, Topic
from aura_stream.ports import Context


def exactly_once(
    source: MemorySourceOptions, sink: MemorySinkOptions, dead_letters: MemorySinkOptions | None, context: Context
) -> tuple[MemorySource, MemoryExactlyOnceSink]:
    """See `aura_stream.ports.ExactlyOnce`."""
    if source.broker != sink.broker:
        raise ConfigError(
            f"delivery: exactly_once: the input is in the memory broker {source.broker}, the output in {sink.broker}, "
            "and no step spans two; name one broker for both, or set delivery: at_least_once"
        )
    reader = MemorySource(source, context)
    dead = MemorySink(dead_letters, context) if dead_letters is not None else None
    return reader, MemoryExactlyOnceSink(reader, MemorySink(sink, context), dead)


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
        batches, dead = self._awaited(batches), self._awaited(dead)
        await self._sink.publish(batches)
        if dead:
            assert self._dead_letters is not None, "dead letters have a place"
            await self._dead_letters.publish(dead)
        await self._source.settle(sorted((*batches, *dead), key=lambda batch: int(batch.positions[-1])))

    def _awaited(self, batches: Iterable[Batch]) -> list[Batch]:
        """Return what is ours and not settled yet."""
        return [batch for batch in batches if self._source.awaits(batch)]

    async def stop(self) -> None:
        await self._sink.stop()
