"""Connector for Redis Streams and Valkey; `connector` is what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel

from aura_connectors.redis_streams.options import SinkOptions, SourceOptions
from aura_connectors.redis_streams.sink import RedisStreamsSink
from aura_connectors.redis_streams.source import RedisStreamsSource
from aura_connectors.redis_streams.tail import read_tail
from aura_stream.ports import Connector, Context

__all__ = [
    "RedisStreamsConnector",
    "RedisStreamsSink",
    "RedisStreamsSource",
    "SinkOptions",
    "SourceOptions",
    "connector",
]


class RedisStreamsConnector:
    """Builds sources and sinks; see `aura_stream.ports.Connector`."""

    source_options: ClassVar[type[BaseModel]] = SourceOptions
    sink_options: ClassVar[type[BaseModel]] = SinkOptions
    destination: ClassVar[str] = "standalone"
    metadata: ClassVar[bool] = True

    def source(self, options: SourceOptions, context: Context) -> RedisStreamsSource:
        """Build a source; it connects at `start`."""
        return RedisStreamsSource(options, context)

    def sink(self, options: SinkOptions, context: Context) -> RedisStreamsSink:
        """Build a sink; it connects at `start`."""
        return RedisStreamsSink(options, context)

    def observing(self, options: SourceOptions, group: str) -> SourceOptions:
        """See `aura_stream.ports.Observable`."""
        return options.model_copy(update={"group": group, "delete_settled": False})

    async def tail(
        self, options: SourceOptions | SinkOptions, inputs: Sequence[str], limit: int
    ) -> Mapping[str, Sequence[bytes]]:
        """See `aura_stream.ports.Tail`."""
        return await read_tail(options, inputs, limit)


connector: Connector = RedisStreamsConnector()
