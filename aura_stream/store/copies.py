"""Copies: the log, the journal and the mirror of one namespace, and what this process knows of each."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from aura_stream.codec import Codebook, Template
from aura_stream.model.log import LogRecord
from aura_stream.ports import Journal, SharedLog
from aura_stream.store.bodies import Namespace
from aura_stream.store.condition import Condition
from aura_stream.store.ledger import Ledger, Outcome, retirements
from aura_stream.store.mirror import Mirror
from aura_stream.store.properties import Properties, PropertiesError

_LONG: Final = 32 << 10  # bytes of records that take longer than the event loop may be held up


@dataclass(frozen=True, slots=True)
class Misfit:
    """The first of some records that was not taken."""

    place: int
    outcome: Outcome


class Copies:
    """`known` holds what is durable for certain: every book that was returned is made of it. `journaled` is what the
    journal said when it was last read.
    """

    def __init__(self, log: SharedLog, journal: Journal, mirror: Mirror, name: str, properties: Properties) -> None:
        self.log = log
        self.journal = journal
        self.mirror = mirror
        self.name = name
        self.condition = Condition(f"of namespace {name}")
        self._interned: dict[bytes, Template] = {}
        self.known = Ledger(self._interned)
        self.journaled = Ledger(self._interned)
        self._properties = properties
        self._empty = properties.codebook
        self.fresh = False  # a start that nothing was known at: what was rebuilt before is no news to it
        self._read = 0  # records of the journal
        self._log_started = False
        self._journal_started: bool | None = None  # with or without `create`

    @property
    def book(self) -> Codebook:
        """The book of what is known; before there is a namespace, the empty one that it would be made with."""
        if self.known.namespace is not None:
            return self.known.book
        self._properties = Properties(self._empty.check_bytes, self._empty.raw)  # from now on it must be so
        return self._empty

    @property
    def founding(self) -> Namespace:
        """What the namespace is made with if there is none yet."""
        return Namespace(self.name, self._empty.check_bytes, self._empty.raw, uuid4().hex)

    def check(self, ledger: Ledger) -> None:
        """Raise PropertiesError if the namespace was made otherwise than is configured."""
        made = ledger.namespace
        if made is None:
            return
        if made.name != self.name:
            raise PropertiesError(f"store: this is the store of namespace {made.name}, not of {self.name}")
        self._properties.check(made.codebook, f"namespace {self.name}")

    async def connect_log(self) -> None:
        """Start the log, unless that succeeded before."""
        if not self._log_started:
            await self.log.start()
            self._log_started = True

    async def connect_journal(self, create: bool) -> None:
        """Start the journal, unless that succeeded before; with `create`, make it where it is missing."""
        if self._journal_started or (self._journal_started is False and not create):
            return
        await self.restart_journal(create)

    async def restart_journal(self, create: bool) -> None:
        """Start the journal, and read it from its beginning from now on."""
        if self._journal_started is not None:
            await self.journal.stop()
            self._journal_started = None
        await self.journal.start(create)
        self._journal_started = create
        self.journaled = Ledger(self._interned)
        self._read = 0

    @property
    def may_create(self) -> bool:
        """Whether the journal was started by a promoter."""
        return self._journal_started is True

    async def read_journal(self) -> list[Outcome]:
        """Read on in the journal, and return what became of each record."""
        outcomes = await applied(self.journaled, await self.journal.read())
        for place, outcome in unmended(outcomes):
            self.condition.damaged(f"journal entry {self._read + place} ({outcome.name})", outcome.reason)
        self._read += len(outcomes)
        return outcomes

    async def write_journal(self, records: Sequence[bytes]) -> None:
        """Append to the journal, and read it back."""
        await self.journal.append(records)
        await self.read_journal()

    async def learn(self, records: Sequence[LogRecord]) -> Misfit | None:
        """Add durable records to what is known, and to the mirror, up to the first that does not follow on.

        Returns that one, with its place and the reason.
        """
        known, start, epoch = self.known, self.known.end, self.known.epoch
        if sum(len(record.data) for record in records) > _LONG:
            misfit = await asyncio.to_thread(_learn, known, records)
        else:
            misfit = _learn(known, records)
        await self._keep([record.data for record in known.records(start)])
        if epoch < known.epoch and not self.fresh:
            self.condition.rebuilt()
        return misfit

    async def learn_journaled(self) -> bool:
        """Learn all that the journal says; False if it does not begin with what is known."""
        if not self.journaled.begins_with(self.known):
            return False
        await self.learn(self.journaled.records(self.known.end))
        await self.learn_retired(self.journaled.retired)
        return True

    async def learn_retired(self, digests: Collection[bytes]) -> None:
        """Add to what is known to be retired."""
        fresh = self.known.retire(digests)
        if fresh:
            await self._keep(retirements(fresh))

    async def forget(self) -> None:
        """Know nothing any more: what was learned is another store's."""
        self.known = Ledger(self._interned)
        await self.rewrite_mirror()

    async def rewrite_mirror(self) -> None:
        """Write what is known to the mirror anew."""
        await self.mirror.rewrite(everything(self.known))

    async def _keep(self, records: Sequence[bytes]) -> None:
        if self.mirror.behind:
            await self.rewrite_mirror()
        elif records:
            await self.mirror.append(records)

    async def stop(self) -> None:
        """Close all of them."""
        try:
            await self.log.stop()
        finally:
            try:
                await self.journal.stop()
            finally:
                self.mirror.close()
        self._log_started, self._journal_started = False, None


def unmended(outcomes: Sequence[Outcome]) -> list[tuple[int, Outcome]]:
    """Return the damaged records of a journal, with their places, behind which its chain does not go on.

    Where it does, no template is missing: what stood there was no part of the chain, or was written again.
    """
    links = [place for place, outcome in enumerate(outcomes) if outcome.verdict == "applied" and outcome.chained]
    last = links[-1] if links else -1
    return [(place, each) for place, each in enumerate(outcomes) if each.verdict == "damaged" and place > last]


def _learn(ledger: Ledger, records: Sequence[LogRecord]) -> Misfit | None:
    for place, record in enumerate(records):
        outcome = ledger.apply_record(record)
        if outcome.verdict not in ("applied", "known"):
            return Misfit(place, outcome)
    return None


def everything(ledger: Ledger) -> list[bytes]:
    """Return a ledger as the records of a journal."""
    records = [record.data for record in ledger.records()]
    return [*records, *retirements(ledger.retired)]


async def applied(ledger: Ledger, records: Sequence[bytes]) -> list[Outcome]:
    """Let a ledger take records, in a thread if that takes long."""
    if sum(map(len, records)) > _LONG:
        return await asyncio.to_thread(_applied, ledger, records)
    return _applied(ledger, records)


def _applied(ledger: Ledger, records: Sequence[bytes]) -> list[Outcome]:
    return [ledger.apply(data) for data in records]
