"""The last values of topics, without a position of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aura_connectors.memory.broker import MemoryBroker
from aura_connectors.memory.options import PLACEHOLDER, MemorySinkOptions, MemorySourceOptions


def read_tail(
    options: MemorySourceOptions | MemorySinkOptions, inputs: Sequence[str], limit: int
) -> Mapping[str, Sequence[bytes]]:
    """See `aura_stream.ports.Tail`; partition by partition."""
    if isinstance(options, MemorySourceOptions):
        names = list(options.topics)
    else:
        names = [options.topic.replace(PLACEHOLDER, name) for name in inputs]
    broker = MemoryBroker.named(options.broker)
    found = {name: logs for name in names if (logs := broker.topic(name)) is not None}
    values = {
        name: [value for log in logs for batch in log.read_all() for value in batch.values if value is not None]
        for name, logs in found.items()
    }
    return {name: all_of[-limit:] if limit else [] for name, all_of in values.items()}
