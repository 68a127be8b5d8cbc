"""Dead letters in a topic beside the output: each message in an envelope with its note."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence

from aura_connectors.memory.broker import MemoryBroker
from aura_connectors.memory.options import PLACEHOLDER, MemorySinkOptions, MemorySourceOptions
from aura_stream.model import Batch


def burying(options: MemorySinkOptions, place: str) -> MemorySinkOptions:
    """Return the options of a sink of dead letters."""
    return options.model_copy(update={"topic": place})


def unearthing(options: MemorySinkOptions, place: str, inputs: Sequence[str], group: str) -> MemorySourceOptions:
    """Return the options of a source over the topics that such a sink wrote for these inputs."""
    topics = list(dict.fromkeys(place.replace(PLACEHOLDER, name) for name in inputs))
    return MemorySourceOptions(broker=options.broker, topics=topics, group=group)


async def buried(options: MemorySourceOptions) -> AsyncIterator[Batch]:
    """See `aura_stream.ports.KeepsDeadLetters`."""
    broker = MemoryBroker.named(options.broker)
    for log in [log for topic in options.topics for log in broker.topic(topic) or ()]:
        offset, end = broker.settled(options.group, log.partition), log.end
        while offset < end and (batch := log.read(offset, end - offset, sys.maxsize)) is not None:
            offset += len(batch)
            yield batch
