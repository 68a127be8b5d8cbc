"""Connector `memory`: topics inside this process, for tests and for embedding."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from aura_connectors.memory.broker import MemoryBroker
from aura_connectors.memory.options import MemorySinkOptions, MemorySourceOptions
from aura_connectors.memory.sink import MemorySink
from aura_connectors.memory.source import MemorySource
from aura_stream.ports import Context

__all__ = ["MemoryBroker", "MemoryConnector", "MemorySink", "MemorySource", "connector"]


class MemoryConnector:
    """Builds sources and sinks over a broker that is named in the options."""

    source_options: ClassVar[type[BaseModel]] = MemorySourceOptions
    sink_options: ClassVar[type[BaseModel]] = MemorySinkOptions
    destination: ClassVar[str] = "standalone"
    metadata: ClassVar[bool] = True

    def source(self, options: MemorySourceOptions, context: Context) -> MemorySource:
        return MemorySource(options, context)

    def sink(self, options: MemorySinkOptions, context: Context) -> MemorySink:
        return MemorySink(options, context)

    def observing(self, options: MemorySourceOptions, group: str) -> MemorySourceOptions:
        """See `aura_stream.ports.Observable`."""
        return options.model_copy(update={"group": group})


connector = MemoryConnector()
