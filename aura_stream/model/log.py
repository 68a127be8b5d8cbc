"""What the shared log of a template store tells: how long it is, how much of it is durable, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

TAIL_SIZE: Final = 16


class Position(NamedTuple):
    """A place in the log: all of the generations before, and `length` templates of this one. Ordered.

    A generation's opening record brings its first templates along: behind an opening with `k` of them the position
    is `(generation, k)`. `BEGINNING` stands before everything, `(-1, 1)` behind the record of the namespace itself.
    """

    generation: int
    length: int


BEGINNING = Position(-1, 0)


@dataclass(frozen=True, slots=True)
class LogState:
    """Identity and length of a shared log.

    `store_id` is given once, when the namespace is created; `epoch` grows with each rebuild. Everything before
    `end` has a number; everything before `active` is durable in the journal too. `retired` counts the digests that
    are no longer written with. `tail` is that of the last record (`LogRecord.tail`), wherever `active` stands: each
    record names the tail of the one before, so that logs with the same tail are the same from the beginning on.
    """

    store_id: str
    epoch: int
    end: Position
    active: Position
    retired: int = 0
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record and its number: that of its template, -1 for the opening of a generation.

    The record of the namespace itself is the first of a log, with generation -1 and number 0.
    """

    generation: int
    number: int
    data: bytes

    @property
    def tail(self) -> bytes:
        """The last 16 bytes: the digest of all before them."""
        return self.data[-TAIL_SIZE:]


@dataclass(frozen=True, slots=True)
class LogReading:
    """What one question brought: the log's state at that moment, and the records behind the position asked for."""

    state: LogState
    records: Sequence[LogRecord] = field(default_factory=tuple)
    retired: frozenset[bytes] | None = None  # template digests; None where they were not asked for
