"""Processes of a template store for the model: the real store, stopped before each call to log or journal.

What a process does next is certain once it is known what it was answered so far. So a process is a graph: a node for
each row of answers, made once, by running the store anew through that row, however many orders of events lead to it.
Rows that lead to the same place in the code, with the same variables and the same knowledge, are one node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest.mock import patch

from aura_stream.codec import Codebook, Proposal, Template
from aura_stream.errors import CodebookError, StoreLostError, UnavailableError
from aura_stream.model.log import LogReading, LogRecord, LogState, Position
from aura_stream.store import SharedStore
from aura_stream.store.condition import Condition
from aura_stream.store.copies import Copies, Misfit
from aura_stream.store.drafting import Draft
from aura_stream.store.entry import Entry
from aura_stream.store.following import Follower
from aura_stream.store.ledger import Ledger, Outcome
from aura_stream.store.promoting import Promoter
from aura_stream.store.rebuilding import Rebuilder

NAME = "model"
UNHEARD = "unheard"  # an answer that was lost: the process sees UnavailableError


@dataclass(frozen=True)
class Call:
    """What a process asks next: a method of the log or the journal, and its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()

    def __await__(self) -> Generator[Call, Any, Any]:
        answer = yield self
        if answer is UNHEARD:
            raise UnavailableError(f"{self.name}: no answer")
        return answer


class AskingLog:
    """A `SharedLog` whose answers come from the explorer."""

    async def start(self) -> None:
        await Call("log.start")

    async def read(self, after: Position, limit: int, retired_known: int = 0) -> LogReading | None:
        return await Call("log.read", (after, limit, retired_known))

    async def propose(self, expected: LogState, records: Sequence[LogRecord], end: Position) -> bool:
        return await Call("log.propose", (expected, tuple(records), end))

    async def activate(self, expected: LogState, active: Position, tail: bytes) -> bool:
        return await Call("log.activate", (expected, active, tail))

    async def retire(self, expected: LogState, digests: Collection[bytes]) -> bool:
        return await Call("log.retire", (expected, frozenset(digests)))

    async def replace(self, state: LogState, records: Sequence[LogRecord], retired: Collection[bytes]) -> bool:
        return await Call("log.replace", (state, tuple(records), frozenset(retired)))

    async def stop(self) -> None:
        await Call("log.stop")


class AskingJournal:
    """A `Journal` whose answers come from the explorer."""

    async def start(self, create: bool) -> None:
        await Call("journal.start")

    async def read(self) -> Sequence[bytes]:
        return await Call("journal.read")

    async def append(self, records: Sequence[bytes]) -> None:
        await Call("journal.append", (tuple(records),))

    async def stop(self) -> None:
        await Call("journal.stop")


Returned = Callable[[Codebook], None]
Script = Callable[[SharedStore, Returned], Coroutine[Any, Any, None]]
Make = Callable[..., SharedStore]


@dataclass(eq=False)
class Node:
    """A process that was answered so far; `call` is what it asks next, None if it is done."""

    process: Process
    answers: tuple[Any, ...] = ()
    call: Call | None = None
    books: tuple[Codebook, ...] = ()
    read: int = 0  # records of the journal, since it was started
    children: dict[Any, Node] = field(default_factory=dict)

    @property
    def book(self) -> Codebook | None:
        """The last book that it was given."""
        return self.books[-1] if self.books else None

    def answered(self, answer: Any, key: Any) -> Node:
        """Return what becomes of it with this answer; `key` is the answer as something hashable."""
        child = self.children.get(key)
        if child is None:
            assert self.call is not None
            read = 0 if self.call.name == "journal.start" else self.read
            if self.call.name == "journal.read" and answer is not UNHEARD:
                read += len(answer)
            child = self.children[key] = self.process.run((*self.answers, answer), read)
        return child


class Process:
    """One process, by its number: its store and what it does with it."""

    def __init__(self, number: int, script: Script, make: Make = SharedStore) -> None:
        self._number = number
        self._script = script
        self._make = make
        self._nodes: dict[Any, Node] = {}
        self._books: dict[bytes, Codebook] = {}

    def run(self, answers: tuple[Any, ...] = (), read: int = 0) -> Node:
        """Run it from its beginning through these answers, up to the next call."""
        books: list[Codebook] = []
        store = self._make(AskingLog(), AskingJournal(), NAME)
        coroutine = self._script(store, books.append)
        numbers = count()
        call: Call | None = None
        with patch("aura_stream.store.copies.uuid4", lambda: _Id(self._number, next(numbers))):
            try:
                call = coroutine.send(None)
                for answer in answers:
                    call = coroutine.send(answer)
            except StopIteration:
                call = None
        last = tuple(self._books.setdefault(book.to_bytes(), book) for book in books[-1:])
        place = (_place(coroutine), _knowledge(store), call, read, *map(id, last))
        coroutine.close()
        return self._nodes.setdefault(place, Node(self, answers, call, last, read))


def _place(coroutine: Any) -> tuple[Any, ...]:
    """Return where in the code a coroutine stands, with its variables, through all that it awaits."""
    found = []
    while coroutine is not None and getattr(coroutine, "cr_frame", None) is not None:
        frame = coroutine.cr_frame
        own = [name for name in frame.f_code.co_varnames if name in frame.f_locals]  # what is closed over never changes
        values = tuple((name, _fingerprint(frame.f_locals[name])) for name in own)
        found.append((frame.f_code.co_qualname, frame.f_lasti, values))
        coroutine = coroutine.cr_await
    return tuple(found)


def _fingerprint(value: Any) -> Any:
    """Return something hashable that is equal for variables that are."""
    if isinstance(value, Ledger):
        return value.end, value.epoch, value.tail, value.retired
    if isinstance(value, Draft):
        return value.end, tuple(value.entries)
    if isinstance(value, LogReading):
        return value.state, tuple(value.records), value.retired
    if isinstance(value, list | tuple):
        return tuple(map(_fingerprint, value))
    if isinstance(value, bool | int | str | bytes | frozenset | LogState | LogRecord | Entry | Misfit | Outcome | None):
        return value
    if isinstance(value, Proposal):
        return value.opens, value.dictionary, tuple(value.templates)
    if isinstance(value, set):
        return frozenset(value)
    if isinstance(value, Exception):
        return str(value)
    assert isinstance(value, _CONSTANT) or callable(value), f"{type(value)} has no fingerprint"
    return None


def _knowledge(store: SharedStore) -> tuple[Any, ...]:
    """Return all that a store keeps between calls."""
    copies = store._copies
    condition = copies.condition
    ledgers = (_fingerprint(copies.known), _fingerprint(copies.journaled), copies._properties)
    return *ledgers, condition.status, frozenset(condition._damaged), copies._log_started, copies._journal_started


_CONSTANT = (AskingLog, AskingJournal, Call, SharedStore, Copies, Follower, Promoter, Rebuilder, Condition, Codebook)


@dataclass(frozen=True)
class _Id:
    process: int
    number: int

    @property
    def hex(self) -> str:
        return f"{self.process:016x}{self.number:016x}"


def words(*texts: str) -> list[Template]:
    return [Template((text.encode(),)) for text in texts]


async def promoting(store: SharedStore, returned: Returned, proposal: Proposal, tries: int = 3) -> None:
    """Promote as discovery does: rebuild what is lost, and try again."""
    for _ in range(tries):
        try:
            returned(await store.promote(proposal))
        except StoreLostError:
            try:
                returned(await store.rebuild())
            except CodebookError:
                return  # copies contradict: it stops
            except (StoreLostError, UnavailableError):
                continue
        except UnavailableError:
            continue
        else:
            return


def promoter(*texts: str, tries: int = 1, **how: Any) -> Script:
    """A process that promotes these words."""

    async def promoter(store: SharedStore, returned: Returned) -> None:
        await store.start()
        await Call("begin")
        await promoting(store, returned, Proposal(words(*texts), **how), tries)

    return promoter


def retirer(text: str) -> Script:
    """A process that retires a word."""

    async def retirer(store: SharedStore, returned: Returned) -> None:
        await store.start()
        await Call("begin")
        try:
            returned(await store.retire([words(text)[0].digest]))
        except (StoreLostError, UnavailableError):
            return

    return retirer


def reader(steps: str) -> Script:
    """A process that follows (f), or searches (s)."""

    async def reader(store: SharedStore, returned: Returned) -> None:
        returned(await store.start())
        await Call("begin")
        for step in steps:
            returned(await (store.follow() if step == "f" else store.search()))

    return reader
