"""The protocol of the shared store (docs/adr/the-journal-decides.md), explored on the real code.

Exhaustive: every order of the calls of all processes to log and journal, with every fault of the scenario at every
place, until all are done. A promoter tries once (or `tries` times), rebuilds if the store is lost, and is done; at
last a fresh one must find its way on. After every step what the log calls active is in the journal, which is all that
readers go by; they take part themselves where more than that is asked of them.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import msgpack
import pytest

from aura_stream.codec import Proposal
from aura_stream.codec.template import DIGEST_SIZE
from aura_stream.model.log import BEGINNING
from aura_stream.store.drafting import Draft
from aura_stream.store.entry import Entry, _entry
from aura_stream.store.ledger import Ledger
from aura_stream.store.promoting import Promoter, state_of
from aura_stream.store.rebuilding import Rebuilder
from aura_stream.testing import MemorySharedLog
from tests.property.store_model import BrokenError, Explorer, Scenario
from tests.property.store_participants import promoter, reader, retirer, words

BASE = (Proposal(words("base")),)

SCENARIOS = {
    "no fault, readers in between": Scenario([promoter("x", "y"), promoter("y", "z"), reader("fsf")], BASE),
    "the log is emptied": Scenario([promoter("x"), promoter("y", tries=2)], BASE, ("flush",), 1),
    "the log is rolled back": Scenario([promoter("x"), promoter("x", "y")], BASE, ("rollback",), 1),
    "the log is emptied and rolled back": Scenario([promoter("x"), reader("ff")], BASE, ("flush", "rollback"), 2),
    "promoters crash": Scenario([promoter("x", "y"), promoter("y"), reader("fs")], BASE, ("crash",), 2),
    "a promoter crashes and the log is emptied": Scenario([promoter("x"), reader("ff")], BASE, ("crash", "flush"), 2),
    "answers are lost and the journal is torn": Scenario(
        [promoter("x", "y", tries=2), promoter("y", "z"), reader("f")], BASE, ("torn", "unheard"), 2
    ),
    "a generation is opened while the log is emptied": Scenario(
        [promoter("x", opens=True), promoter("y")], BASE, ("flush",), 1
    ),
    "a store is founded by two": Scenario([promoter("x"), promoter("y")], (), ("crash",), 1),
    "a store is founded, and emptied": Scenario([promoter("x"), reader("fs")], (), ("flush", "rollback"), 2),
    "power fails, and the journal's end is lost too": Scenario(
        [promoter("x"), promoter("y"), reader("f")], BASE, ("lose",), 1
    ),
    "an entry of the log is damaged": Scenario([promoter("x"), promoter("y"), reader("ff")], BASE, ("damage",), 1),
    "templates are retired": Scenario([retirer("base"), promoter("x"), reader("f")], BASE, ("flush", "crash"), 1),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Losses are told in the log, and there are thousands of them here."""
    logging.disable(logging.CRITICAL)
    gc.disable()  # a hundred thousand states are kept, and looked through again and again
    yield
    gc.enable()
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_no_number_is_given_twice_and_all_that_was_used_is_in_the_journal(scenario: Scenario) -> None:
    explorer = Explorer(scenario).run(most=200_000)
    assert explorer.ends > 0
    assert explorer.states > 100


# Mutants: each protection, taken away, lets an invariant break.


def _broken(scripts: Sequence[Any], faults: Sequence[str] = (), heals: bool = True) -> str:
    with pytest.raises(BrokenError) as caught:
        Explorer(Scenario(scripts, BASE, faults, 1, heals=heals)).run(most=200_000)
    return str(caught.value)


def test_using_an_entry_before_it_is_durable_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def write(self: Promoter, draft: Draft) -> bool:
        copies, records = self._copies, [entry.record for entry in draft.entries]
        state = state_of(copies.journaled)
        if not await copies.log.propose(state, records, draft.end):
            return False
        activated = await copies.log.activate(state, draft.end, records[-1].tail)
        await copies.write_journal([record.data for record in records])
        return activated

    monkeypatch.setattr(Promoter, "_write", write)
    assert "active what the journal does not hold" in _broken([promoter("x"), reader("f")])


def test_a_digest_that_nobody_checks_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(cls: type[Entry], data: bytes) -> Entry:
        return _entry(msgpack.unpackb(data[:-DIGEST_SIZE]))

    monkeypatch.setattr(Entry, "from_bytes", classmethod(unchecked))
    found = _broken([promoter("x"), reader("f")], ["damage"])
    assert "another book" in found or "given twice" in found or "journal does not hold" in found


def test_numbers_that_are_given_again_after_a_flush_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is written anew from the journal, but no generation is opened: its end may have been lost."""

    async def stay(self: Rebuilder) -> None:
        pass

    monkeypatch.setattr(Rebuilder, "_open", stay)
    found = _broken([promoter("x"), promoter("y", tries=2), reader("f")], ["lose"], heals=False)
    assert "was given twice" in found


def test_appending_to_a_generation_whose_end_is_unknown_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is taken for the truth: nobody asks the journal what else there is."""

    careful = Promoter.agree

    async def agree(self: Promoter) -> bool:
        copies = self._copies
        await copies.connect_log()
        await copies.connect_journal(create=True)
        reading = await copies.log.read(BEGINNING, 1000)
        if reading is None:
            return await careful(self)
        copies.journaled = Ledger()
        for record in reading.records:
            copies.journaled.apply_record(record)
        return True

    async def write(self: Promoter, draft: Draft) -> bool:
        copies, records = self._copies, [entry.record for entry in draft.entries]
        state = state_of(copies.journaled)
        if not await copies.log.propose(state, records, draft.end):
            return False
        await copies.journal.append([record.data for record in records])
        for record in records:
            copies.journaled.apply_record(record)
        return await copies.log.activate(state, draft.end, records[-1].tail)

    monkeypatch.setattr(Promoter, "agree", agree)
    monkeypatch.setattr(Promoter, "_write", write)
    found = _broken([promoter("x"), promoter("y"), reader("ff")], ["rollback"])
    assert "given twice" in found or "journal does not hold" in found


def test_a_log_that_does_not_compare_tails_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity, epoch and length are not enough: others may have written to the same length after a roll back."""
    activate = MemorySharedLog.activate

    async def careless(self: MemorySharedLog, expected: Any, active: Any, tail: bytes) -> bool:
        content = self._server.content
        return await activate(self, expected, active, tail if content is None else self._tail(content, active))

    monkeypatch.setattr(MemorySharedLog, "activate", careless)
    assert "active what the journal does not hold" in _broken([promoter("x"), promoter("y")], ["rollback"])
