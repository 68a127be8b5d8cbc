"""Connector `memory`: topics inside this process, for tests and for embedding."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel

from aura_connectors.memory.broker import MemoryBroker
from aura_connectors.memory.dead_letters import buried, burying, unearthing
from aura_connectors.memory.exactly_once import MemoryExactlyOnceSink, exactly_once
from aura_connectors.memory.options import MemorySinkOptions, MemorySourceOptions
from aura_connectors.memory.sink import MemorySink
from aura_connectors.memory.source import MemorySource
from aura_connectors.memory.tail import read_tail
from aura_connectors.notes import into_envelopes, out_of_envelopes
from aura_stream.model import Batch
from aura_stream.ports import Context

__all__ = ["MemoryBroker", "MemoryConnector", "MemorySink", "MemorySource", "connector"]


class MemoryConnector:
    """Builds sources and sinks over a broker that is named in the options."""

    source_options: ClassVar[type[BaseModel]] = MemorySourceOptions
    sink_options: ClassVar[type[BaseModel]] = MemorySinkOptions
    destination: ClassVar[str] = "standalone"
    metadata: ClassVar[bool] = True
    dead_letter_key: ClassVar[str] = "topic"

    def source(self, options: MemorySourceOptions, context: Context) -> MemorySource:
        return MemorySource(options, context)

    def sink(self, options: MemorySinkOptions, context: Context) -> MemorySink:
        return MemorySink(options, context)

    def observing(self, options: MemorySourceOptions, group: str) -> MemorySourceOptions:
        """See `aura_stream.ports.Observable`."""
        return options.model_copy(update={"group": group})

    async def tail(
        self, options: MemorySourceOptions | MemorySinkOptions, inputs: Sequence[str], limit: int
    ) -> Mapping[str, Sequence[bytes]]:
        """See `aura_stream.ports.Tail`."""
        return read_tail(options, inputs, limit)

    def burying(self, options: MemorySinkOptions, place: str) -> MemorySinkOptions:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return burying(options, place)

    def unearthing(
        self, options: MemorySinkOptions, place: str, inputs: Sequence[str], group: str
    ) -> MemorySourceOptions:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return unearthing(options, place, inputs, group)

    def buried(self, options: MemorySourceOptions) -> AsyncIterator[Batch]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return buried(options)

    def marked(self, batch: Batch, notes: Sequence[bytes]) -> Batch:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return into_envelopes(batch, notes)

    def unmarked(self, batch: Batch) -> tuple[Batch, Sequence[bytes | None]]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return out_of_envelopes(batch)

    def exactly_once(
        self,
        source: MemorySourceOptions,
        sink: MemorySinkOptions,
        dead_letters: MemorySinkOptions | None,
        context: Context,
    ) -> tuple[MemorySource, MemoryExactlyOnceSink]:
        """See `aura_stream.ports.ExactlyOnce`."""
        return exactly_once(source, sink, dead_letters, context)


connector = MemoryConnector()
