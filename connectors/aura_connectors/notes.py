"""The note of a dead letter, beside the message: in a header, in a field, or around the value.

Kafka            header `aura.dead`, the last one
Redis Streams    field `aura.dead`, the last one
files, memory    value = msgpack [1, note, message|nil]: there is nothing beside a value
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgpack

from aura_stream.model import Batch, Entries, Records

NOTE: Final = "aura.dead"
FIELD: Final = NOTE.encode()
ENVELOPE: Final = 1
_SHAPE: Final = 3  # elements of an envelope

Unmarked = tuple[Batch, Sequence[bytes | None]]


def into_headers(batch: Batch, records: Records, notes: Sequence[bytes]) -> Batch:
    """Return the batch with these records for metadata, and a note behind each one's headers."""
    headers = [[*row, (NOTE, note)] for row, note in zip(records.headers, notes, strict=True)]
    return replace(batch, metadata=replace(records, headers=headers))


def out_of_headers(batch: Batch) -> Unmarked:
    """Undo `into_headers`."""
    if not isinstance(batch.metadata, Records):
        return batch, [None] * len(batch)
    headers, notes = [], []
    for row in batch.metadata.headers:
        marked = bool(row) and row[-1][0] == NOTE
        notes.append(row[-1][1] if marked else None)
        headers.append(list(row[:-1]) if marked else row)
    return replace(batch, metadata=replace(batch.metadata, headers=headers)), notes


def into_fields(batch: Batch, entries: Entries, notes: Sequence[bytes]) -> Batch:
    """Return the batch with these entries for metadata, and a note behind each one's fields."""
    fields = [[*row, (FIELD, note)] for row, note in zip(entries.fields, notes, strict=True)]
    return replace(batch, metadata=replace(entries, fields=fields))


def out_of_fields(batch: Batch) -> Unmarked:
    """Undo `into_fields`."""
    if not isinstance(batch.metadata, Entries):
        return batch, [None] * len(batch)
    fields, notes = [], []
    for row in batch.metadata.fields:
        marked = bool(row) and row[-1][0] == FIELD
        notes.append(row[-1][1] if marked else None)
        fields.append(row[:-1] if marked else row)
    return replace(batch, metadata=replace(batch.metadata, fields=fields)), notes


def into_envelopes(batch: Batch, notes: Sequence[bytes]) -> Batch:
    """Return the batch with each value in an envelope with its note."""
    pairs = zip(batch.values, notes, strict=True)
    return batch.with_values([msgpack.packb((ENVELOPE, note, value)) for value, note in pairs])


def out_of_envelopes(batch: Batch) -> Unmarked:
    """Undo `into_envelopes`."""
    opened = [_open(value) for value in batch.values]
    return batch.with_values([value for value, _ in opened]), [note for _, note in opened]


def _open(value: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Return message and note; what is no envelope of ours is a message without a note."""
    try:
        shape = msgpack.unpackb(value or b"", max_map_len=0, max_ext_len=0)
    except (ValueError, TypeError, MemoryError):
        return value, None
    if isinstance(shape, list) and len(shape) == _SHAPE and shape[0] == ENVELOPE and not isinstance(shape[0], bool):
        _, note, message = shape
        if isinstance(note, bytes) and (message is None or isinstance(message, bytes)):
            return message, note
    return value, None
