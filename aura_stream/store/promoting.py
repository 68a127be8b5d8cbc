"""Promoting: new entries into the log, then the journal, and active only once the journal says that they were first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from aura_stream.codec import Proposal
from aura_stream.codec.codebook import CollisionError
from aura_stream.codec.template import DIGEST_SIZE
from aura_stream.errors import CodebookError, UnavailableError
from aura_stream.model.log import BEGINNING, LogReading, LogRecord, LogState
from aura_stream.store.copies import Copies
from aura_stream.store.drafting import Draft, additions, founding
from aura_stream.store.entry import Entry
from aura_stream.store.following import PAGE, behind, misfit
from aura_stream.store.ledger import Ledger, retirements

ATTEMPTS: Final = 8  # at a proposal that others come before; each time one of them succeeds


class Promoter:
    """Writes to log and journal. A crash between any two steps leaves what the next promoter completes."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    async def promote(self, proposal: Proposal) -> None:
        """Make a proposal's entries active. Raises UnavailableError, StoreLostError; CodebookError for too many."""
        for _ in range(ATTEMPTS):
            if await self.agree():
                draft = self._draft(proposal)
                if not draft or await self._write(draft):
                    await self._copies.learn_journaled()
                    return
        raise UnavailableError("others write to the template store at the same time; it is tried again")

    async def retire(self, digests: Collection[bytes]) -> None:
        """Write these templates no longer. Errors as for `promote`."""
        copies = self._copies
        for _ in range(ATTEMPTS):
            if await self.agree():
                fresh = frozenset(digests) - copies.journaled.retired
                if fresh:
                    await copies.write_journal(retirements(fresh))
                if not fresh or await copies.log.retire(state_of(copies.journaled), copies.journaled.retired):
                    await copies.learn_journaled()
                    return
        raise UnavailableError("others write to the template store at the same time; it is tried again")

    def _draft(self, proposal: Proposal) -> Draft:
        try:
            return additions(self._copies.journaled, proposal)
        except CollisionError as exc:
            self._copies.condition.collision(str(exc))
            raise

    async def _write(self, draft: Draft) -> bool:
        """Propose, write the journal, and activate if it says that we were first; False if we were not."""
        copies = self._copies
        state = state_of(copies.journaled)
        records = [entry.record for entry in draft.entries]
        if not await copies.log.propose(state, records, draft.end):
            return False
        await copies.write_journal([record.data for record in records])
        if not copies.journaled.holds(records[-1]):
            return False
        return await copies.log.activate(state, draft.end, records[-1].tail)

    async def agree(self) -> bool:
        """Bring log and journal to the same end, completing what others left; False if somebody wrote meanwhile.

        Raises StoreLostError if they cannot agree.
        """
        copies = self._copies
        await copies.connect_log()
        await copies.connect_journal(create=True)
        await copies.read_journal()
        if copies.journaled.namespace is None:
            await self._found()
        copies.check(copies.journaled)
        reading = await self._read()
        return reading is not None and await self._complete(reading)

    async def _found(self) -> None:
        """Begin the store, if there is nothing of it anywhere."""
        copies = self._copies
        if copies.known.namespace is not None or await copies.log.read(BEGINNING, 1) is not None:
            copies.condition.fail("its journal is empty")
        draft = founding(copies.founding)
        await copies.write_journal([entry.to_bytes() for entry in draft.entries])
        if copies.journaled.namespace is None:
            raise UnavailableError("the journal does not give back what was written to it")

    async def _read(self) -> LogReading | None:
        """Return the log's state, and all records behind the journal's end; None if there was no log yet."""
        copies, journaled = self._copies, self._copies.journaled
        reading = await copies.log.read(journaled.end, PAGE, len(journaled.retired))
        reason = misfit(reading.state if reading is not None else None, journaled)
        if reason:
            copies.condition.fail(reason)
        if reading is None:
            if copies.known.end.generation >= 0:
                copies.condition.fail("log and journal are gone")
            await copies.log.replace(state_of(journaled), journaled.records(), journaled.retired)
            return None
        records = list(reading.records)
        while records and behind(records[-1]) < reading.state.end:
            page = await copies.log.read(behind(records[-1]), PAGE, len(journaled.retired))
            if page is None or not page.records:
                break  # what is there does not reach the end: `_complete` finds out
            records += page.records
        return replace(reading, records=records)

    async def _complete(self, reading: LogReading) -> bool:
        """Journal and activate what others proposed and did not get to; False if the log is another one now."""
        copies, journaled, state = self._copies, self._copies.journaled, reading.state
        pending = following(journaled, reading.records)
        if pending:
            await copies.read_journal()  # others may have written them meanwhile
            missing = [record.data for record in pending if not journaled.holds(record)]
            if missing:
                await copies.write_journal(missing)
        if journaled.tail_at(state.end) != state.tail:
            copies.condition.fail("log and journal hold different entries")
        if not journaled.begins_with(copies.known):
            copies.condition.fail("log and journal lack entries that are known here")
        if reading.retired is not None and not await self._complete_retired(state, reading.retired):
            return False
        if state.active < state.end and not await copies.log.activate(state, state.end, state.tail):
            return False
        copies.condition.ok()
        return True

    async def _complete_retired(self, state: LogState, retired: Collection[bytes]) -> bool:
        copies = self._copies
        fresh = {digest for digest in retired if len(digest) == DIGEST_SIZE} - copies.journaled.retired
        if fresh:
            await copies.write_journal(retirements(fresh))
        if copies.journaled.retired <= frozenset(retired):
            return True
        return await copies.log.retire(state, copies.journaled.retired)


def state_of(ledger: Ledger) -> LogState:
    """Return the state of a log that holds what a ledger holds, all of it active."""
    return LogState(ledger.store_id, ledger.epoch, ledger.end, ledger.end, len(ledger.retired), ledger.tail)


def following(ledger: Ledger, records: Sequence[LogRecord]) -> list[LogRecord]:
    """Return the records of a log that go on from a ledger's end, up to the first that is damaged or does not."""
    found: list[LogRecord] = []
    tail = ledger.tail
    for record in records:
        try:
            entry = Entry.from_bytes(record.data)
        except CodebookError:
            break
        if entry.record != record or entry.previous != tail:
            break
        found.append(record)
        tail = record.tail
    return found
