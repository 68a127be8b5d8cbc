"""Connector for Redis Streams and Valkey; `connector` is what the entry point names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel

from aura_connectors.mapping import to_entries
from aura_connectors.notes import into_fields, out_of_fields
from aura_connectors.redis_streams.exactly_once import RedisExactlyOnceSink, require_one_server
from aura_connectors.redis_streams.looking import remaining
from aura_connectors.redis_streams.options import SOURCE_PLACEHOLDER, SinkOptions, SourceOptions
from aura_connectors.redis_streams.sink import RedisStreamsSink
from aura_connectors.redis_streams.source import RedisStreamsSource
from aura_connectors.redis_streams.tail import read_tail
from aura_stream.model import Batch
from aura_stream.ports import Connector, Context

__all__ = [
    "RedisExactlyOnceSink",
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
    shared: ClassVar[Literal[True]] = True
    dead_letter_key: ClassVar[str] = "stream"

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

    def burying(self, options: SinkOptions, place: str) -> SinkOptions:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return options.model_copy(update={"stream": place, "metadata": True, "maxlen": None})

    def unearthing(self, options: SinkOptions, place: str, inputs: Sequence[str], group: str) -> SourceOptions:
        """See `aura_stream.ports.KeepsDeadLetters`; what is settled is deleted: it is no dead letter any more."""
        streams = list(dict.fromkeys(place.replace(SOURCE_PLACEHOLDER, name) for name in inputs))
        shared = {name: getattr(options, name) for name in ("url", "password", "tls", "field")}
        return SourceOptions(**shared, streams=streams, group=group, delete_settled=True)

    def buried(self, options: SourceOptions) -> AsyncIterator[Batch]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return remaining(options)

    def marked(self, batch: Batch, notes: Sequence[bytes]) -> Batch:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return into_fields(batch, to_entries(batch), notes)

    def unmarked(self, batch: Batch) -> tuple[Batch, Sequence[bytes | None]]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return out_of_fields(batch)

    def exactly_once(
        self, source: SourceOptions, sink: SinkOptions, dead_letters: SinkOptions | None, context: Context
    ) -> tuple[RedisStreamsSource, RedisExactlyOnceSink]:
        """See `aura_stream.ports.ExactlyOnce`."""
        require_one_server(source, sink)
        reader = RedisStreamsSource(source, context)
        return reader, RedisExactlyOnceSink(reader, sink, dead_letters, context)


connector: Connector = RedisStreamsConnector()
