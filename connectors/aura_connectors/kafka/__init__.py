"""Connector for Apache Kafka and what speaks its protocol; `connector` is what the entry point names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel

from aura_connectors.kafka.dead_letters import burying, marked, unearthing
from aura_connectors.kafka.exactly_once import KafkaExactlyOnceSink, exactly_once
from aura_connectors.kafka.looking import unsettled
from aura_connectors.kafka.options import SinkOptions, SourceOptions
from aura_connectors.kafka.sink import KafkaSink
from aura_connectors.kafka.source import KafkaSource
from aura_connectors.kafka.tail import read_tail
from aura_connectors.notes import out_of_headers
from aura_stream.model import Batch
from aura_stream.ports import Context

__all__ = [
    "KafkaConnector",
    "KafkaExactlyOnceSink",
    "KafkaSink",
    "KafkaSource",
    "SinkOptions",
    "SourceOptions",
    "connector",
]


class KafkaConnector:
    """Builds sources and sinks; see `aura_stream.ports.Connector`."""

    source_options: ClassVar[type[BaseModel]] = SourceOptions
    sink_options: ClassVar[type[BaseModel]] = SinkOptions
    destination: ClassVar[str] = "batched"
    metadata: ClassVar[bool] = True
    shared: ClassVar[Literal[True]] = True
    dead_letter_key: ClassVar[str] = "topic"

    def source(self, options: SourceOptions, context: Context) -> KafkaSource:
        """Build a source; it connects at `start`."""
        return KafkaSource(options, context)

    def sink(self, options: SinkOptions, context: Context) -> KafkaSink:
        """Build a sink; it connects at `start`."""
        return KafkaSink(options, context)

    def observing(self, options: SourceOptions, group: str) -> SourceOptions:
        """See `aura_stream.ports.Observable`."""
        return options.model_copy(update={"group": group})

    async def tail(
        self, options: SourceOptions | SinkOptions, inputs: Sequence[str], limit: int
    ) -> Mapping[str, Sequence[bytes]]:
        """See `aura_stream.ports.Tail`."""
        return await read_tail(options, inputs, limit)

    def burying(self, options: SinkOptions, place: str) -> SinkOptions:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return burying(options, place)

    def unearthing(self, options: SinkOptions, place: str, inputs: Sequence[str], group: str) -> SourceOptions:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return unearthing(options, place, inputs, group)

    def buried(self, options: SourceOptions) -> AsyncIterator[Batch]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return unsettled(options)

    def marked(self, batch: Batch, notes: Sequence[bytes]) -> Batch:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return marked(batch, notes)

    def unmarked(self, batch: Batch) -> tuple[Batch, Sequence[bytes | None]]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return out_of_headers(batch)

    def exactly_once(
        self, source: SourceOptions, sink: SinkOptions, dead_letters: SinkOptions | None, context: Context
    ) -> tuple[KafkaSource, KafkaExactlyOnceSink]:
        """See `aura_stream.ports.ExactlyOnce`."""
        return exactly_once(source, sink, dead_letters, context)


connector = KafkaConnector()
