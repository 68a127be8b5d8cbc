"""Ledger: what a sequence of records amounts to. Pure; the rules by which the journal decides.

The first namespace entry wins. An opening is that of the next generation, in the present epoch or (a rebuild) in the
next one. A template has the next number of the present generation, in the present epoch. Each names the digest of
the record before it. What does not follow on in this way is void, as if it were not there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from aura_stream.codec import Codebook, Template
from aura_stream.codec.codebook import MAX_GENERATIONS
from aura_stream.codec.wire import MAX_TEMPLATES
from aura_stream.errors import CodebookError
from aura_stream.model.log import BEGINNING, LogRecord, Position
from aura_stream.store.bodies import (
    MAX_RETIRED,
    Namespace,
    NewerFormatError,
    pack_digests,
    unpack_digests,
    unpack_opening,
    unpack_template,
)
from aura_stream.store.entry import Entry
from aura_stream.store.numbering import Numbering


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record: it was taken, is known already, does not follow on, or is damaged."""

    verdict: Literal["applied", "known", "void", "damaged"]
    name: str = "entry"
    reason: str = ""
    chained: bool = True  # false of retiring entries, which follow on nothing


class Ledger:
    """Takes records in the journal's order. `interned` holds templates by their bodies, for several ledgers."""

    def __init__(self, interned: dict[bytes, Template] | None = None) -> None:
        self.namespace: Namespace | None = None
        self.epoch = 0
        self.end = BEGINNING
        self.retired: frozenset[bytes] = frozenset()
        self._interned = {} if interned is None else interned
        self._records: list[LogRecord] = []
        self._ends: list[Position] = []
        self._numberings: list[Numbering] = []
        self._book: Codebook | None = None

    @property
    def tail(self) -> bytes:
        """The digest of the last record, which names all that stand before it too."""
        return self._records[-1].tail if self._records else b""

    @property
    def store_id(self) -> str:
        """The identity of the store; empty in an empty ledger."""
        return self.namespace.store_id if self.namespace is not None else ""

    @property
    def book(self) -> Codebook:
        """The codebook that the records make; the same object until there are more."""
        if self._book is None:
            self._book = self.book_at(self.end)
        return self._book

    def book_at(self, end: Position) -> Codebook:
        """Return the codebook of what stands before a position."""
        empty = self.namespace.codebook if self.namespace is not None else Codebook()
        whole = self._numberings[: max(end.generation, 0)]
        generations = [numbering.generation() for numbering in whole]
        if 0 <= end.generation < len(self._numberings):
            last = self._numberings[end.generation]
            generations.append(last.generation(min(end.length, len(last))))
        return Codebook(empty.check_bytes, empty.raw, tuple(generations), self.retired)

    def records(self, after: Position = BEGINNING) -> Sequence[LogRecord]:
        """Return the records behind a position."""
        return self._records[bisect_right(self._ends, after) :]

    def tail_at(self, position: Position) -> bytes | None:
        """Return the digest of the record that ends there; None if none does."""
        if position == BEGINNING:
            return b""
        place = bisect_left(self._ends, position)
        if place == len(self._ends) or self._ends[place] != position:
            return None
        return self._records[place].tail

    def begins_with(self, other: Ledger) -> bool:
        """Tell whether all records of the other are the first of this one."""
        return self.tail_at(other.end) == other.tail

    def at(self, generation: int, number: int) -> LogRecord | None:
        """Return the record of a template or (-1) an opening; None if it is not there, or inside of an opening."""
        # An opening may end anywhere in its generation, and is the first record that ends in it.
        find, least = (bisect_left, 0) if number < 0 else (bisect_right, number)
        place = find(self._ends, Position(generation, least))
        if place < len(self._records):
            record = self._records[place]
            if (record.generation, record.number) == (generation, number):
                return record
        return None

    def holds(self, record: LogRecord) -> bool:
        """Tell whether exactly this record has its number."""
        return self.at(record.generation, record.number) == record

    def apply(self, data: bytes) -> Outcome:
        """Take the next record. Raises NewerFormatError for a store of a later version; nothing else."""
        try:
            entry = Entry.from_bytes(data)
        except CodebookError as exc:
            return Outcome("damaged", reason=str(exc))
        try:
            return self._take(entry, data)
        except NewerFormatError:
            raise
        except CodebookError as exc:
            return Outcome("damaged", entry.name, str(exc))

    def apply_record(self, record: LogRecord) -> Outcome:
        """Take the next record of a shared log, which must be the one that the log says it is."""
        name = f"log entry {record.generation}-{record.number}"
        try:
            entry = Entry.from_bytes(record.data)
        except CodebookError as exc:
            return Outcome("damaged", name, str(exc))
        if (entry.generation, entry.number) != (record.generation, record.number) or entry.kind == "retire":
            return Outcome("damaged", name, f"it is {entry.name}")
        outcome = self.apply(record.data)
        return Outcome(outcome.verdict, name, outcome.reason)

    def retire(self, digests: Collection[bytes]) -> frozenset[bytes]:
        """Retire templates, and return the digests of those that were not retired before."""
        fresh = frozenset(digests) - self.retired
        if fresh:
            self.retired |= fresh
            self._book = None
        return fresh

    def _take(self, entry: Entry, data: bytes) -> Outcome:
        if entry.kind == "retire":
            applied = self._retires(entry)
            return Outcome("applied" if applied else "known", entry.name, chained=False)
        if self.holds(LogRecord(entry.generation, entry.number, data)):
            return Outcome("known", entry.name)
        reason = self._misfit(entry)
        if reason:
            return Outcome("void", entry.name, reason)
        end = self._grow(entry)
        self._records.append(LogRecord(entry.generation, entry.number, data))
        self._ends.append(end)
        self.end = end
        self._book = None
        return Outcome("applied", entry.name)

    def _misfit(self, entry: Entry) -> str:
        """Return why this entry does not follow on; empty if it does."""
        if entry.kind == "namespace":
            place = (entry.epoch, entry.generation, entry.number, entry.previous)
            return "" if not self._records and place == (0, -1, 0, b"") else "another namespace came first"
        if not self._records:
            return "no namespace stands before it"
        if entry.kind == "generation":
            following = entry.generation == self.end.generation + 1 and entry.number == -1
            present = self.epoch <= entry.epoch <= self.epoch + 1
        else:
            following = (entry.generation, entry.number) == self.end and entry.generation >= 0
            present = entry.epoch == self.epoch
        if not following:
            return "it does not follow on: its number is taken, or those before it are missing"
        if not present:
            return "it is of another epoch"
        return "" if entry.previous == self.tail else "it follows on another entry"

    def _grow(self, entry: Entry) -> Position:
        """Take what stands in the body, and return the new end. Raises CodebookError."""
        if entry.kind == "namespace":
            self.namespace = Namespace.from_body(entry.body)
            return Position(-1, 1)
        if entry.kind == "generation":
            if entry.generation >= MAX_GENERATIONS:
                raise CodebookError(f"a codebook holds at most {MAX_GENERATIONS} generations")
            opened = unpack_opening(entry.body, self._interned)
            self._numberings.append(Numbering(opened))
            self.epoch = entry.epoch
            return Position(entry.generation, len(opened.templates))
        template = unpack_template(entry.body, self._interned)
        numbering = self._numberings[-1]
        if template in numbering or entry.number >= MAX_TEMPLATES:
            raise CodebookError("its template has a number already, or there is none left")
        numbering.append(template)
        return Position(entry.generation, entry.number + 1)

    def _retires(self, entry: Entry) -> bool:
        if (entry.epoch, entry.generation, entry.number, entry.previous) != (0, -1, -1, b""):
            raise CodebookError("its numbers are none of a retiring entry")
        return bool(self.retire(unpack_digests(entry.body)))


def retirements(digests: Collection[bytes]) -> list[bytes]:
    """Return the records that retire these templates. Raises CodebookError for what is no digest."""
    ordered = sorted(digests)
    parts = [ordered[at : at + MAX_RETIRED] for at in range(0, len(ordered), MAX_RETIRED)]
    return [Entry("retire", 0, -1, -1, b"", pack_digests(part)).to_bytes() for part in parts]
