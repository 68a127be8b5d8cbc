"""Dead letters in a topic beside the output: the record as it came in, with a header that tells why it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from aura_connectors.kafka.options import SOURCE_PLACEHOLDER, BurialOptions, Connection, SinkOptions, SourceOptions
from aura_connectors.mapping import to_records
from aura_connectors.notes import into_headers
from aura_stream.model import Batch, Records, TimestampType


def burying(options: SinkOptions, place: str) -> SinkOptions:
    """Return the options of a sink of dead letters: nothing left out, each in the partition that its input has."""
    kept = dict(options) | {"topic": place, "metadata": True, "partition": "same", "partitions": None}
    return BurialOptions.model_construct(**kept)


def unearthing(options: SinkOptions, place: str, inputs: Sequence[str], group: str) -> SourceOptions:
    """Return the options of a source over the topics that such a sink wrote for these inputs."""
    connection = {name: getattr(options, name) for name in Connection.model_fields}
    topics = list(dict.fromkeys(place.replace(SOURCE_PLACEHOLDER, name) for name in inputs))
    return SourceOptions(**connection, topics=topics, group=group)


def marked(batch: Batch, notes: Sequence[bytes], clock: Callable[[], float] = time.time) -> Batch:
    """Return the batch as records, whatever system it came from, with a note behind each one's headers.

    Messages with nothing beside them get the present time.
    """
    if batch.metadata is not None:
        return into_headers(batch, to_records(batch)[0], notes)
    count, now = len(batch), int(clock() * 1000)
    records = Records([None] * count, [()] * count, [now] * count, [TimestampType.CREATE] * count)
    return into_headers(batch, records, notes)
