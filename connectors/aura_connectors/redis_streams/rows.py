"""Entries of a stream as a batch of messages."""

from __future__ import annotations

from collections.abc import Sequence

from aura_connectors.redis_streams.backlog import Row
from aura_stream.model import Batch, Entries, Partition
from aura_stream.model.metadata import Field


def to_batch(rows: Sequence[Row], partition: Partition, name: bytes, fence: int) -> Batch:
    """Return the entries as a batch whose messages are the fields `name`."""
    values: list[bytes | None] = []
    others: list[Sequence[Field]] = []
    places: list[int] = []
    for _, flat, _ in rows:
        if len(flat) == 2 and flat[0] == name:
            values.append(flat[1])
            others.append(())
            places.append(0)
            continue
        value, other, place = split_message(flat, name)
        values.append(value)
        others.append(other)
        places.append(place)
    ids = [row.id for row in rows]
    attempts = [row.times for row in rows] if any(row.times > 1 for row in rows) else None
    metadata = Entries(ids, others, places)
    return Batch(partition, values, [entry_id.decode() for entry_id in ids], metadata, fence, attempts)


def split_message(flat: Sequence[bytes], name: bytes) -> tuple[bytes | None, list[Field], int]:
    """Return an entry's message, its other fields, and the place of the first field `name` (-1: none)."""
    fields = list(zip(flat[::2], flat[1::2], strict=True))
    for place, (field, value) in enumerate(fields):
        if field == name:
            return value, fields[:place] + fields[place + 1 :], place
    return None, fields, -1
