"""What the shared log of a template store tells: how long it is, how much of it is durable, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Position(NamedTuple):
    """A place in the log: all of the generations before, and `length` templates of this one. Ordered.

    A generation's opening record brings its first templates along: behind an opening with `k` of them the position
    is `(generation, k)`. `BEGINNING` stands before the first generation.
    """

    generation: int
    length: int


BEGINNING = Position(-1, 0)


@dataclass(frozen=True, slots=True)
class LogState:
    """Identity and length of a shared log.

    `store_id` is given once, when the namespace is created; `epoch` grows with each rebuild. Everything before
    `end` has a number; everything before `active` is durable in the journal too. `retired` counts the digests that
    are no longer written with.
    """

    store_id: str
    epoch: int
    end: Position
    active: Position
    retired: int = 0


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record and its number: that of its template, or -1 for the opening of the generation."""

    generation: int
    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogReading:
    """What one question brought: the log's state at that moment, and the records behind the position asked for."""

    state: LogState
    records: Sequence[LogRecord] = field(default_factory=tuple)
    retired: frozenset[bytes] | None = None  # template digests; None where they were not asked for
