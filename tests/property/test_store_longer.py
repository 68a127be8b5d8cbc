"""Longer lives of a shared store than can be walked through exhaustively: with mirrors, restarts and failing calls."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import StoreLostError, UnavailableError
from aura_stream.store import FolderMirror, SharedStore
from aura_stream.testing import MemoryJournal, MemoryJournalServer, MemoryLogServer, MemorySharedLog
from aura_stream.testing.memory_log import LogContent
from tests.property.store_model import check_active, check_durable, check_numbers
from tests.property.store_participants import words

PROCESSES = 3
processes = st.integers(0, PROCESSES - 1)
texts = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3)


class Lives(RuleBasedStateMachine):
    """Three processes with mirrors; what they were given must stay true through all that happens."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.log, self.journal = MemoryLogServer(), MemoryJournalServer()
        self.books: list[Codebook] = [Codebook()] * PROCESSES
        self.past: list[LogContent | None] = []
        self.damaged = False

    @initialize()
    def begin(self) -> None:
        self.stores = [self._new(at) for at in range(PROCESSES)]
        for at, store in enumerate(self.stores):
            self._run(at, store.start())

    def _new(self, at: int) -> SharedStore:
        mirror = FolderMirror(Path(self.folder.name), "lives", f"p{at}")
        return SharedStore(MemorySharedLog(self.log), MemoryJournal(self.journal), "lives", mirror=mirror)

    def _run(self, at: int, call: Coroutine[Any, Any, Codebook]) -> None:
        before = self.log.content
        try:
            book = self.runner.run(call)
        except (StoreLostError, UnavailableError):
            return
        finally:
            if self.log.content is not before:
                self.past.append(before)
        assert self.books[at].is_prefix_of(book)
        check_durable(book, tuple(self.journal.records))
        self.books[at] = book
        for other in self.books:
            check_numbers(book, other)

    @rule(at=processes, which=texts, opens=st.booleans())
    def promote(self, at: int, which: list[str], opens: bool) -> None:
        self._run(at, self.stores[at].promote(Proposal(words(*which), opens)))

    @rule(at=processes)
    def follow(self, at: int) -> None:
        self._run(at, self.stores[at].follow())

    @rule(at=processes)
    def search(self, at: int) -> None:
        self._run(at, self.stores[at].search())

    @rule(at=processes, which=texts)
    def retire(self, at: int, which: list[str]) -> None:
        self._run(at, self.stores[at].retire([template.digest for template in words(*which)]))

    @rule(at=processes)
    def rebuild(self, at: int) -> None:
        self._run(at, self.stores[at].rebuild())

    @rule(at=processes)
    def restart(self, at: int) -> None:
        """What it knew it must still know: the mirror is there."""
        self.runner.run(self.stores[at].stop())
        self.stores[at] = self._new(at)
        self._run(at, self.stores[at].start())

    @rule()
    def flush(self) -> None:
        self.log.flush()

    @rule(back=st.integers(1, 5))
    def roll_back(self, back: int) -> None:
        if len(self.past) >= back:
            self.log.content = self.past[-back]

    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        if self.log.content is not None:
            place = data.draw(st.integers(0, len(self.log.content.records) - 1))
            changed = bytearray(self.log.content.records[place].data)
            changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
            self.log.damage(place, bytes(changed))
            self.damaged = True

    @rule(calls=st.integers(1, 8), before=st.booleans(), journal=st.booleans())
    def fail_soon(self, calls: int, before: bool, journal: bool) -> None:
        server = self.journal if journal else self.log
        server.fail_before, server.fail_after = (calls, 0) if before else (0, calls)

    @rule()
    def tear_soon(self) -> None:
        self.journal.tear_after = 1

    @invariant()
    def what_is_active_is_journaled(self) -> None:
        if not self.damaged:
            check_active(self.log.content, tuple(self.journal.records))

    def teardown(self) -> None:
        for server in (self.log, self.journal):
            server.fail_before = server.fail_after = 0
        self.journal.tear_after = None
        self._recovers()
        for store in self.stores:
            self.runner.run(store.stop())
        self.runner.close()
        self.folder.cleanup()
        logging.disable(logging.NOTSET)

    def _recovers(self) -> None:
        """A promoter finds its way on, and a fresh process without a mirror reads all that anybody knew."""
        last = SharedStore(MemorySharedLog(self.log), MemoryJournal(self.journal), "lives")
        self.runner.run(last.start())
        for _ in range(2):
            try:
                book = self.runner.run(last.promote(Proposal(words("last"))))
                break
            except StoreLostError:
                self.runner.run(last.rebuild())
        fresh = SharedStore(MemorySharedLog(self.log), MemoryJournal(self.journal), "lives")
        assert self.runner.run(fresh.start()) == book
        for known in self.books:
            assert known.is_prefix_of(book)


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
