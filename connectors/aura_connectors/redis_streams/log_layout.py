"""How a template store's log lies in Redis: names of keys, ids of entries, spelling of the state; all of it hostile.

    aura:{namespace}:meta     hash    format, store_id, epoch, end, active, tail
    aura:{namespace}:log      stream  one record an entry, field `e`
    aura:{namespace}:retired  set     digests of templates that are no longer written with

The braces stand in the names, so that all three lie in one hash slot. An entry's id is `(generation+1)-(number+1)`:
the namespace's own record has 0-1, the opening of generation g (g+1)-0. Redis itself refuses an id for a second time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aura_stream.errors import ConfigError
from aura_stream.model import BEGINNING, LogRecord, LogState, Position

FORMAT: Final = 1
FIELD: Final = b"e"
META: Final = ("format", "store_id", "epoch", "end", "active", "tail")
_DIGITS = rb"(?:0|[1-9][0-9]{0,14})"  # at most 15: exact in Lua, whose numbers are doubles
_NUMBER = re.compile(_DIGITS)
_POSITION = re.compile(rb"(-1|" + _DIGITS + rb"):(" + _DIGITS + rb")")
_IDENTITY = re.compile(rb"[ -~]{1,100}")

STRANGE: Final = LogState("", 0, BEGINNING, BEGINNING)
"""What a hash reads as that no process of ours wrote so: the log of another store, which nobody follows."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of one log's keys."""

    meta: bytes
    log: bytes
    retired: bytes

    @classmethod
    def of(cls, prefix: str, namespace: str) -> Keys:
        """Return the names; the namespace is what is hashed to a slot of a cluster."""
        stem = f"{prefix}:{{{namespace}}}"
        return cls(*(f"{stem}:{name}".encode() for name in ("meta", "log", "retired")))


def entry_id(record: LogRecord) -> str:
    """Return the id of a record's entry."""
    return f"{record.generation + 1}-{record.number + 1}"


def last_id(position: Position) -> str:
    """Return the greatest id that an entry before the position can have."""
    return f"{position.generation + 1}-{position.length}"


def next_id(position: Position) -> str:
    """Return the least id that an entry behind the position can have.

    An opening brings templates along that have no entries, so from its `k` templates on it is `…-(k+1)`; whoever
    stands at an earlier generation gets the opening itself, `…-0`, for its id is greater all the same.
    """
    return f"{position.generation + 1}-{position.length + 1}"


def spell(position: Position) -> str:
    """Return a position as the hash holds it."""
    return f"{position.generation}:{position.length}"


def to_state(values: Sequence[bytes | None], retired: int, where: str) -> LogState | None:
    """Return what the hash says (the values of META); None if there is none, STRANGE for one that is not of ours.

    Raises ConfigError for a later format.
    """
    if all(value is None for value in values):
        return None
    kept, store_id, epoch, end, active, tail = (value or b"" for value in values)
    if _NUMBER.fullmatch(kept) and int(kept) > FORMAT:
        raise ConfigError(f"{where} has format {int(kept)}, this version reads {FORMAT}: upgrade it first")
    if kept == b"%d" % FORMAT and _IDENTITY.fullmatch(store_id) and _NUMBER.fullmatch(epoch):
        ends, marked = _to_position(end), _to_position(active)
        if ends is not None and marked is not None and marked <= ends:
            return LogState(store_id.decode(), int(epoch), ends, marked, retired, tail)
    return STRANGE


def _to_position(spelled: bytes) -> Position | None:
    found = _POSITION.fullmatch(spelled)
    return Position(int(found[1]), int(found[2])) if found else None


def to_record(entry: Sequence[Any]) -> LogRecord:
    """Return an entry as a record; one without the field is damaged, and reads as empty."""
    milliseconds, _, sequence = bytes(entry[0]).partition(b"-")
    fields: list[bytes] = entry[1] or []
    data = fields[1] if len(fields) >= 2 and fields[0] == FIELD else b""
    return LogRecord(int(milliseconds) - 1, int(sequence) - 1, data)
