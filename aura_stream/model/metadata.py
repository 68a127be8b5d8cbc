"""What travels beside a message, untouched: one column per kind of metadata, one row per message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

Header = tuple[str, bytes | None]
Field = tuple[bytes, bytes]


class TimestampType(IntEnum):
    """Who set a record's timestamp (KIP-32)."""

    CREATE = 0
    LOG_APPEND = 1


@dataclass(frozen=True, slots=True)
class Records:
    """Metadata of log records, as Kafka keeps it. All columns have one row per message."""

    keys: Sequence[bytes | None]
    headers: Sequence[Sequence[Header]]
    timestamps: Sequence[int]  # milliseconds since the epoch
    timestamp_types: Sequence[int]  # TimestampType

    def part(self, start: int, stop: int) -> Records:
        """Return the rows `start` to `stop` (exclusive)."""
        rows = slice(start, stop)
        return Records(self.keys[rows], self.headers[rows], self.timestamps[rows], self.timestamp_types[rows])


@dataclass(frozen=True, slots=True)
class Entries:
    """Metadata of stream entries, as Redis keeps it. All columns have one row per message."""

    ids: Sequence[bytes]  # b"1700000000000-0"
    fields: Sequence[Sequence[Field]]  # every field but the message's own, in order, duplicates kept
    places: Sequence[int]  # index at which the message's field stood; -1: the entry had none (null)

    def part(self, start: int, stop: int) -> Entries:
        """Return the rows `start` to `stop` (exclusive)."""
        rows = slice(start, stop)
        return Entries(self.ids[rows], self.fields[rows], self.places[rows])


Metadata = Records | Entries | None  # None: values only, as in files
