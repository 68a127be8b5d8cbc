"""Following: reading on in the shared log, and believing it only as far as it goes on from what is known."""

from __future__ import annotations

import logging
from typing import Final

from aura_stream.codec.template import DIGEST_SIZE
from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.model.log import LogReading, LogRecord, LogState, Position
from aura_stream.store.copies import Copies, applied
from aura_stream.store.ledger import Ledger, Outcome
from aura_stream.store.properties import PropertiesError

PAGE: Final = 1000  # records of one reading
Outage = UnavailableError | ConfigError

log = logging.getLogger(__name__)


def misfit(state: LogState | None, ledger: Ledger) -> str:
    """Return why a log cannot be a continuation of what a ledger holds; empty if it may be one.

    Records behind the ledger's end must still follow on: each names the one before it.
    """
    if ledger.namespace is None:
        return ""
    if state is None:  # a namespace that nothing was promoted into has nothing to lose
        return "its log is gone" if ledger.end.generation >= 0 else ""
    same_end = state.end == ledger.end
    reasons = (
        (state.store_id != ledger.store_id, "its log is that of another store"),
        (state.epoch < ledger.epoch, f"its log went back from epoch {ledger.epoch} to {state.epoch}"),
        (state.end < ledger.end, f"its log ends at {spelled(state.end)}, before {spelled(ledger.end)}"),
        (same_end and state.tail != ledger.tail, f"its log holds other entries before {spelled(state.end)}"),
        (same_end and state.epoch != ledger.epoch, f"its log is of epoch {state.epoch}, without a new generation"),
    )
    return next((reason for wrong, reason in reasons if wrong), "")


def behind(record: LogRecord) -> Position:
    """Return the least position that may be behind a record."""
    return Position(record.generation, record.number + 1)


def spelled(position: Position) -> str:
    return f"{position.generation}-{position.length}"


class Follower:
    """Keeps what is known up to date. Never writes to log or journal."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    async def start(self, require_store: bool) -> None:
        """Begin with the mirror, go on with the log, and turn to the journal where that tells nothing.

        Without a mirror the log could be anybody's: then the journal is asked whether it is its own.

        Raises UnavailableError if nothing can be read, ConfigError if the configuration must be edited; with
        `require_store` UnavailableError or StoreLostError if the log is not usable.
        """
        copies = self._copies
        await self._load_mirror()
        copies.fresh = copies.known.namespace is None
        outage = await self._try_log()
        if copies.fresh and copies.known.namespace is not None:
            await self._compare()
        if isinstance(outage, ConfigError) or (outage is not None and require_store):
            raise outage
        if outage is not None or copies.known.namespace is None or not self._well:
            silence = await self._try_journal()
            if isinstance(silence, ConfigError):
                raise silence
            if silence is not None and copies.known.namespace is None:
                if outage is not None:
                    raise outage
                copies.condition.degraded(str(silence))
        if require_store and copies.condition.status.state == "lost":
            copies.condition.fail(copies.condition.status.reason)
        copies.fresh = False

    async def follow(self) -> None:
        """Take what is new and active. Raises PropertiesError only."""
        await self._try_log()

    async def search(self) -> None:
        """Take what is new, from the journal too. Raises PropertiesError only."""
        await self._try_log()
        silence = await self._try_journal()
        if silence is not None:
            log.warning("journal of namespace %s: %s", self._copies.name, silence)

    @property
    def _well(self) -> bool:
        return self._copies.condition.status.state == "ok"

    async def _load_mirror(self) -> None:
        """Take what the mirror holds, up to the first gap; keep aside what is damaged, and mend the file."""
        copies = self._copies
        content = await copies.mirror.open()
        for name, _ in content.damaged:
            copies.condition.damaged(name, "kept aside")
        outcomes = await applied(copies.known, content.records)
        copies.check(copies.known)
        if content.torn or content.damaged or any(outcome.verdict != "applied" for outcome in outcomes):
            await copies.rewrite_mirror()

    async def _try_log(self) -> Outage | None:
        copies = self._copies
        try:
            await copies.connect_log()
            await self._read_on()
        except PropertiesError:
            raise
        except (UnavailableError, ConfigError) as exc:
            copies.condition.degraded(str(exc))
            return exc
        return None

    async def _try_journal(self) -> Outage | None:
        copies = self._copies
        start = copies.known.end
        try:
            await copies.connect_journal(create=False)
            await copies.read_journal()
        except (UnavailableError, ConfigError) as exc:
            return exc
        copies.check(copies.journaled)
        if not await copies.learn_journaled() and not copies.known.begins_with(copies.journaled):
            copies.condition.lost("its journal holds other entries than are known here")
        elif copies.known.end > start and self._well:
            await self._try_log()  # is the log the one that the journal tells of?
        return None

    async def _compare(self) -> None:
        """Take the journal's word where it contradicts a log that there was nothing to hold against."""
        copies = self._copies
        try:
            await copies.connect_journal(create=False)
            await copies.read_journal()
        except (UnavailableError, ConfigError) as exc:
            log.warning("journal of namespace %s: %s; its log is believed as it is", copies.name, exc)
            return
        journaled = copies.journaled
        if journaled.namespace is None or journaled.begins_with(copies.known) or copies.known.begins_with(journaled):
            return
        copies.condition.lost("its log holds other entries than its journal")
        await copies.forget()
        copies.check(journaled)
        await copies.learn_journaled()

    async def _read_on(self) -> None:
        """Read page after page until everything active is known, or the log turns out not to go on from there."""
        copies = self._copies
        while True:
            start = copies.known.end
            reading = await copies.log.read(start, PAGE, len(copies.known.retired))
            reason = misfit(reading.state if reading is not None else None, copies.known)
            if reason:
                return copies.condition.lost(reason)
            if reading is None:
                return copies.condition.ok()
            if not await self._take(reading):
                return None
            if copies.known.end >= reading.state.active:
                return copies.condition.ok()
            if copies.known.end == start and not await self._mend(f"log behind {spelled(start)}", "entries are gone"):
                return copies.condition.lost(f"its log lacks entries behind {spelled(start)}")

    async def _take(self, reading: LogReading) -> bool:
        """Learn the active records of a page; False if one could not be taken."""
        copies = self._copies
        rest = [record for record in reading.records if behind(record) <= reading.state.active]
        while misfit := await copies.learn(rest):
            outcome, record = misfit.outcome, rest[misfit.place]
            if outcome.verdict == "damaged":
                await copies.mirror.quarantine(record.data)
            if not await self._mend(outcome.name, outcome.reason):
                self._give_up(outcome)
                return False
            rest = rest[misfit.place + 1 :]
        copies.check(copies.known)
        if reading.retired is not None:
            await copies.learn_retired([digest for digest in reading.retired if len(digest) == DIGEST_SIZE])
        return True

    def _give_up(self, outcome: Outcome) -> None:
        condition = self._copies.condition
        if outcome.verdict == "damaged":
            condition.damaged(outcome.name, outcome.reason)
            condition.degraded(f"{outcome.name} is damaged, and no other copy is at hand")
        else:
            condition.lost(f"{outcome.name}: {outcome.reason}")

    async def _mend(self, name: str, reason: str) -> bool:
        """Take from the journal what the log does not give; True if that went further than what was known."""
        copies = self._copies
        start = copies.known.end
        try:
            await copies.connect_journal(create=False)
            await copies.read_journal()
        except (UnavailableError, ConfigError):
            return False
        if not await copies.learn_journaled() or copies.known.end == start:
            return False
        copies.condition.damaged(name, f"{reason}; taken from the journal instead")
        return True
