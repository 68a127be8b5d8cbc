"""Connector for Apache Kafka and what speaks its protocol; `connector` is what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel

from aura_connectors.kafka.options import SinkOptions, SourceOptions
from aura_connectors.kafka.sink import KafkaSink
from aura_connectors.kafka.source import KafkaSource
from aura_connectors.kafka.tail import read_tail
from aura_stream.ports import Connector, Context

__all__ = ["KafkaConnector", "KafkaSink", "KafkaSource", "SinkOptions", "SourceOptions", "connector"]


class KafkaConnector:
    """Builds sources and sinks; see `aura_stream.ports.Connector`."""

    source_options: ClassVar[type[BaseModel]] = SourceOptions
    sink_options: ClassVar[type[BaseModel]] = SinkOptions
    destination: ClassVar[str] = "batched"
    metadata: ClassVar[bool] = True

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


connector: Connector = KafkaConnector()
