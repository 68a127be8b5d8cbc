"""Rebuilding: a lost log is written anew from the journal, in a new generation and epoch that the journal has first."""

from __future__ import annotations

from collections.abc import Sequence

from aura_stream.errors import CodebookError, StoreLostError, UnavailableError
from aura_stream.model.log import BEGINNING, LogRecord
from aura_stream.store.copies import Copies
from aura_stream.store.drafting import reopening
from aura_stream.store.following import PAGE, behind
from aura_stream.store.ledger import Ledger, retirements
from aura_stream.store.promoting import ATTEMPTS, Promoter, state_of


class Rebuilder:
    """Several at once are harmless: the first opening in the journal counts, the first new log too."""

    def __init__(self, copies: Copies, promoter: Promoter) -> None:
        self._copies = copies
        self._promoter = promoter

    async def rebuild(self) -> None:
        """Bring all copies together again. Raises UnavailableError, CodebookError where copies contradict."""
        copies = self._copies
        was_lost = copies.condition.status.state == "lost"
        await copies.restart_journal(create=True)  # its end may be lost too: what was read of it proves nothing
        if await self._is_well() and (was_lost or copies.journaled.end.generation < 0):
            await copies.learn_journaled()
            return  # another process has rebuilt it meanwhile, or there is nothing in it
        await self._complete_journal()
        if copies.journaled.end.generation >= 0 or await copies.log.read(BEGINNING, 1) is not None:
            await self._open()
        journaled = copies.journaled
        await copies.log.replace(state_of(journaled), journaled.records(), journaled.retired)
        await self._agree()
        await copies.learn_journaled()
        await copies.rewrite_mirror()

    async def _agree(self) -> None:
        for _ in range(ATTEMPTS):
            if await self._promoter.agree():
                return
        raise UnavailableError("others write to the template store at the same time; it is tried again")

    async def _is_well(self) -> bool:
        """Complete what can be completed as long as the log is there; False if it is lost."""
        try:
            await self._agree()
        except StoreLostError:
            return False
        return True

    async def _complete_journal(self) -> None:
        """Write into the journal what it lacks and this process knows, or the log has."""
        copies = self._copies
        await self._append_from(copies.known)
        if copies.journaled.namespace is None:
            await self._append_from(await self._active())
        if copies.journaled.namespace is None:
            raise CodebookError("the template store is lost, and neither journal nor mirror holds anything of it")

    async def _append_from(self, source: Ledger) -> None:
        copies = self._copies
        if not copies.journaled.begins_with(source):
            if not source.begins_with(copies.journaled):
                raise CodebookError(
                    f"namespace {copies.name}: the journal holds other entries than are known here; "
                    "if it is the right one, remove the mirror of this process"
                )
            await copies.write_journal([record.data for record in source.records(copies.journaled.end)])
        fresh = source.retired - copies.journaled.retired
        if fresh:
            await copies.write_journal(retirements(fresh))

    async def _active(self) -> Ledger:
        """Read what the log holds and calls active."""
        ledger = Ledger()
        page: Sequence[LogRecord] = ()
        reading = await self._copies.log.read(BEGINNING, PAGE)
        while reading is not None and reading.records:
            page = [record for record in reading.records if behind(record) <= reading.state.active]
            if any(ledger.apply_record(record).verdict != "applied" for record in page):
                break
            reading = await self._copies.log.read(behind(reading.records[-1]), PAGE)
        return ledger

    async def _open(self) -> None:
        """Open the next generation, in the next epoch; that of another process will do."""
        copies = self._copies
        epoch = copies.journaled.epoch
        for _ in range(ATTEMPTS):
            draft = reopening(copies.journaled)
            await copies.write_journal([entry.to_bytes() for entry in draft.entries])
            if copies.journaled.epoch > epoch:
                return
        raise UnavailableError("others write to the journal at the same time; it is tried again")
