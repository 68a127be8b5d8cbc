"""Entry: one record of a template store, spelled the same in the shared log, the journal and the mirror.

    record = list digest
    list   = msgpack [kind, epoch, generation, number, previous, body]
    digest = 16 bytes of BLAKE2b over the list

`number` is that of a template, -1 for an opening. `previous` is the digest of the record before, so that a record
names all that stands before it. What stands in a body is told in bodies.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import msgpack

from aura_stream.codec.template import DIGEST_SIZE, digest_of
from aura_stream.errors import CodebookError
from aura_stream.model.log import LogRecord

Kind = Literal["namespace", "generation", "template", "retire"]
KINDS: Final = ("namespace", "generation", "template", "retire")
MAX_ENTRY: Final = 1_000_000  # bytes; less than the largest message that a Kafka topic takes by default
_MAX_EPOCH: Final = 1 << 32
_MAX_PLACE: Final = 1 << 32
_ITEMS: Final = 6


@dataclass(frozen=True)
class Entry:
    """What one record says. The first entry of a chain has no `previous`, retiring ones stand outside of it."""

    kind: Kind
    epoch: int
    generation: int
    number: int
    previous: bytes
    body: bytes

    @property
    def name(self) -> str:
        """What it is called in logs and findings."""
        return name_of(self.kind, self.generation, self.number)

    @cached_property
    def record(self) -> LogRecord:
        """The entry as the shared log takes it."""
        return LogRecord(self.generation, self.number, self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the record's bytes."""
        packed: bytes = msgpack.packb(
            [self.kind, self.epoch, self.generation, self.number, self.previous, self.body],
        )
        return packed + digest_of(packed)

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """Read a record. Raises CodebookError for anything that `to_bytes` does not make."""
        packed, digest = data[:-DIGEST_SIZE], data[-DIGEST_SIZE:]
        if len(data) > MAX_ENTRY or digest_of(packed) != digest:
            raise CodebookError("its digest does not fit")
        try:
            items = msgpack.unpackb(packed, max_array_len=_ITEMS, max_map_len=0, max_ext_len=0)
        except (ValueError, msgpack.UnpackException, RecursionError) as exc:
            raise CodebookError("it is no entry") from exc
        entry = _entry(items)
        if entry.to_bytes() != data:
            raise CodebookError("it is spelled in another way than entries are")
        return entry


def name_of(kind: str, generation: int, number: int) -> str:
    """Return what an entry is called: "template 3-18"."""
    if kind == "template":
        return f"template {generation}-{number}"
    return f"generation {generation}" if kind == "generation" else kind


def _entry(items: Any) -> Entry:
    if not isinstance(items, list) or len(items) != _ITEMS:
        raise CodebookError("it is no entry")
    kind, epoch, generation, number, previous, body = items
    if kind not in KINDS:
        raise CodebookError("it is of a kind that is not known here")
    if not all(type(value) is int for value in (epoch, generation, number)):
        raise CodebookError("its numbers are none")
    if not 0 <= epoch < _MAX_EPOCH or not -1 <= generation < _MAX_PLACE or not -1 <= number < _MAX_PLACE:
        raise CodebookError("its numbers cannot be")
    if not isinstance(previous, bytes) or len(previous) not in (0, DIGEST_SIZE) or not isinstance(body, bytes):
        raise CodebookError("it is no entry")
    return Entry(kind, epoch, generation, number, previous, body)
