"""A small world of a template store, and a walk through everything that can happen in it.

A step is one call of one process to the shared log or the journal; between any two of them any fault may come. States
(log, journal, and what each process was answered) that were seen before are not walked again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import StoreLostError
from aura_stream.model.log import Position
from aura_stream.store import SharedStore
from aura_stream.store.entry import Entry
from aura_stream.store.ledger import Ledger
from aura_stream.testing import MemoryJournal, MemoryJournalServer, MemoryLogServer, MemorySharedLog
from aura_stream.testing.memory_log import LogContent
from tests.property.store_participants import NAME, UNHEARD, Make, Node, Process, Script, promoting, words

SILENT: Final = ("log.start", "log.stop", "journal.start", "journal.stop")  # which change nothing: no steps
ROLLBACKS: Final = 3  # so many writes a roll back may go back

Journal = tuple[bytes, ...]


class BrokenError(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Scenario:
    """Who takes part, from which beginning, and how much may go wrong.

    `faults` are: flush; rollback (of one to three writes); lose: the log, and the journal's last template; damage: of
    the last template in the log; crash: of a process before its call; unheard: a call takes effect, its answer is
    lost; torn: of several records for the journal only the first is written. `budget` of them in all.
    """

    scripts: Sequence[Script]
    beginning: Sequence[Proposal] = ()
    faults: Sequence[str] = ()
    budget: int = 0
    make: Make = SharedStore
    heals: bool = True  # whether the next promoter must find its way on

    @property
    def keeps_journal(self) -> bool:
        return "lose" not in self.faults


class State(NamedTuple):
    """Everything at a moment. `dead` holds the places of processes that crashed."""

    log: LogContent | None
    journal: Journal
    nodes: tuple[Node, ...]
    dead: frozenset[int] = frozenset()
    spent: int = 0
    history: tuple[LogContent | None, ...] = ()

    def alive(self) -> Iterator[int]:
        return (at for at, node in enumerate(self.nodes) if node.call is not None and at not in self.dead)


Choice = tuple[str, int]


@dataclass
class Explorer:
    """Walks through a scenario. `run` raises BrokenError, with the events that lead there."""

    scenario: Scenario
    states: int = 0
    ends: int = 0
    _seen: set[State] = field(default_factory=set)
    _healed: set[Any] = field(default_factory=set)

    def run(self, most: int = 1_000_000) -> Explorer:
        """See every state; `most` guards against a scenario that is too large."""
        first = self.beginning()
        rest: list[tuple[State, Any]] = [(first, None)]
        while rest:
            state, path = rest.pop()
            if state in self._seen:
                continue
            self._seen.add(state)
            self.states += 1
            assert self.states <= most, "more states than were thought of"
            try:
                choices = self.choices(state)
                if not any(True for _ in state.alive()):
                    self.end(state)
                rest += [(self.after(state, choice), (path, choice)) for choice in choices]
            except BrokenError as exc:
                raise BrokenError(f"{exc}; after {self._spelled(path)}") from exc
        return self

    def _spelled(self, path: Any) -> list[str]:
        events = []
        while path is not None:
            path, (what, which) = path
            events.append(f"{what} {which}")
        return events[::-1]

    def beginning(self) -> State:
        """Let all start, and stop before what they do."""
        log, journal = MemoryLogServer(), MemoryJournalServer()
        if self.scenario.beginning:
            founder = _store(log, journal)
            for proposal in self.scenario.beginning:
                finish(founder.promote(proposal))
        processes = [Process(at, script, self.scenario.make) for at, script in enumerate(self.scenario.scripts)]
        state = State(log.content, tuple(journal.records), tuple(process.run() for process in processes))
        for at in range(len(processes)):
            while (call := state.nodes[at].call) is not None and call.name != "begin":
                state = self._stepped(state, at)
            state = self._silent(_with_node(state, at, state.nodes[at].answered(None, None)), at)
        return state._replace(history=())

    def choices(self, state: State) -> list[Choice]:
        """Return what can happen next."""
        alive = list(state.alive())
        choices: list[Choice] = [("step", at) for at in alive]
        if not alive or state.spent == self.scenario.budget:
            return choices
        for fault in self.scenario.faults:
            if fault in ("crash", UNHEARD):
                choices += [(fault, at) for at in alive]
            elif fault == "torn":
                choices += [(fault, at) for at in alive if self._tears(state.nodes[at])]
            elif fault == "rollback":
                choices += [(fault, back) for back in range(1, 1 + len(state.history))]
            elif state.log is not None:
                choices.append((fault, 0))
        return choices

    @staticmethod
    def _tears(node: Node) -> bool:
        return node.call is not None and node.call.name == "journal.append" and len(node.call.arguments[0]) > 1

    def after(self, state: State, choice: Choice) -> State:
        """Let something happen, and check what must hold then."""
        what, which = choice
        if what == "step":
            after = self._stepped(state, which)
        else:
            fault = getattr(self, f"_{what}")
            after = fault(state, which)._replace(spent=state.spent + 1)
        if "damage" not in self.scenario.faults and self.scenario.keeps_journal:
            check_active(after.log, after.journal)
        return after

    def _stepped(self, state: State, at: int, unheard: bool = False) -> State:
        """Let a process take its call, and check the books that it returned then."""
        node = state.nodes[at]
        assert node.call is not None
        log, journal, answer, key = _executed(state.log, state.journal, node)
        child = node.answered(UNHEARD, UNHEARD) if unheard else node.answered(answer, key)
        history = state.history
        if log != state.log:
            history = (*history, state.log)[-ROLLBACKS:] if "rollback" in self.scenario.faults else ()
        after = _with_node(state, at, child)._replace(log=log, journal=journal, history=history)
        after = self._silent(after, at)
        self._check_book(after, at, node.book)
        return after

    def _silent(self, state: State, at: int) -> State:
        while (call := state.nodes[at].call) is not None and call.name in SILENT:
            state = _with_node(state, at, state.nodes[at].answered(None, None))
        return state

    def _check_book(self, state: State, at: int, before: Codebook | None) -> None:
        book = state.nodes[at].book
        if book is None or book is before:
            return
        if before is not None and not before.is_prefix_of(book):
            raise BrokenError(f"the book of process {at} did not grow")
        if self.scenario.keeps_journal:
            check_durable(book, state.journal)
        for other in state.nodes:
            if other.book is not None:
                check_numbers(book, other.book)

    # Faults

    def _crash(self, state: State, at: int) -> State:
        return state._replace(dead=state.dead | {at})

    def _unheard(self, state: State, at: int) -> State:
        return self._stepped(state, at, unheard=True)

    def _torn(self, state: State, at: int) -> State:
        call = state.nodes[at].call
        assert call is not None
        child = state.nodes[at].answered(UNHEARD, UNHEARD)
        return self._silent(_with_node(state, at, child)._replace(journal=state.journal + call.arguments[0][:1]), at)

    def _flush(self, state: State, _: int) -> State:
        return state._replace(log=None)

    def _rollback(self, state: State, back: int) -> State:
        return state._replace(log=state.history[-back], history=state.history[:-back])

    def _lose(self, state: State, _: int) -> State:
        """Power fails: the log is gone, and of the journal the last template."""
        cut = state.journal and Entry.from_bytes(state.journal[-1]).kind == "template"
        return state._replace(log=None, journal=state.journal[:-1] if cut else state.journal)

    def _damage(self, state: State, _: int) -> State:
        """A letter of the last template in the log changes."""
        assert state.log is not None
        records = list(state.log.records)
        place = max((at for at, record in enumerate(records) if record.number >= 0 <= record.generation), default=None)
        if place is None:
            return state
        data = bytearray(records[place].data)
        data[-17] ^= 1
        records[place] = replace(records[place], data=bytes(data))
        return state._replace(log=replace(state.log, records=tuple(records)))

    # The end

    def end(self, state: State) -> None:
        """All are done or dead: the next promoter must find a way on, and fresh readers read what all others knew."""
        self.ends += 1
        known = tuple({id(node.book): node.book for node in state.nodes if node.book is not None}.values())
        key = (state.log, state.journal, frozenset(map(id, known)))
        if self.scenario.heals and key not in self._healed:
            self._healed.add(key)
            self._heal(state, known)

    def _heal(self, state: State, known: Sequence[Codebook]) -> None:
        log, journal = MemoryLogServer(), MemoryJournalServer()
        log.content, journal.records = state.log, list(state.journal)
        books: list[Codebook] = []
        healer = _store(log, journal, self.scenario.make)
        finish(healer.start())
        finish(promoting(healer, books.append, Proposal(words("healed"))))
        newest = books[-1].newest if books else None
        if newest is None or words("healed")[0].digest not in newest.digests:
            raise BrokenError("the next promoter could not promote")
        try:
            fresh = finish(_store(log, journal, self.scenario.make).start())
        except StoreLostError as exc:
            raise BrokenError("a fresh reader cannot start") from exc
        if fresh != books[-1] or fresh != journal_book(tuple(journal.records)):
            raise BrokenError("a fresh reader has another book")
        for book in known:
            check_numbers(book, fresh)
            if self.scenario.keeps_journal and not book.is_prefix_of(fresh):
                raise BrokenError("a fresh reader cannot read what was written")


def _with_node(state: State, at: int, node: Node) -> State:
    return state._replace(nodes=(*state.nodes[:at], node, *state.nodes[at + 1 :]))


def _executed(log: LogContent | None, journal: Journal, node: Node) -> tuple[LogContent | None, Journal, Any, Any]:
    """Execute a process's call; return log, journal, the answer, and the answer as something hashable."""
    assert node.call is not None
    side, method = node.call.name.split(".")
    if side == "journal":
        if method == "append":
            return log, journal + node.call.arguments[0], None, None
        answer = journal[node.read :] if method == "read" else None
        return log, journal, answer, answer
    server = MemoryLogServer()
    server.content = log
    result = finish(getattr(MemorySharedLog(server), method)(*node.call.arguments))
    key = result
    if method == "read" and result is not None:
        key = (result.state, tuple(result.records), result.retired)
    return server.content, journal, result, key


def _store(log: MemoryLogServer, journal: MemoryJournalServer, make: Make = SharedStore) -> SharedStore:
    return make(MemorySharedLog(log), MemoryJournal(journal), NAME)


# What must hold


@lru_cache(maxsize=100_000)
def journal_ledger(journal: Journal) -> Ledger:
    """Return what a fresh process makes of the journal alone."""
    ledger = Ledger()
    for record in journal:
        ledger.apply(record)
    return ledger


def journal_book(journal: Journal) -> Codebook:
    return journal_ledger(journal).book


@lru_cache(maxsize=100_000)
def check_active(log: LogContent | None, journal: Journal) -> None:
    """What the log calls active is in the journal."""
    if log is not None:
        for record in log.records:
            active = Position(record.generation, record.number + 1) <= log.state.active
            if active and not journal_ledger(journal).holds(record):
                raise BrokenError("the log calls active what the journal does not hold")


def check_durable(book: Codebook, journal: Journal) -> None:
    """A book that was returned can be made of the journal alone."""
    if not book.is_prefix_of(journal_book(journal)):
        raise BrokenError("a book was returned that the journal does not hold")


def check_numbers(book: Codebook, other: Codebook) -> None:
    """No number means two templates."""
    for generation, (one, two) in enumerate(zip(book.generations, other.generations, strict=False)):
        if any(a != b for a, b in zip(one.templates, two.templates, strict=False)):
            raise BrokenError(f"a number of generation {generation} was given twice")


def finish(awaitable: Awaitable[Any]) -> Any:
    """Run what never waits for anything."""
    generator = awaitable.__await__()
    try:
        next(generator)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")
