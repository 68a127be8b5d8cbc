"""A shared log and a journal in this process, which can be made to fail in every way that real ones do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from aura_stream.errors import UnavailableError
from aura_stream.model.log import LogReading, LogRecord, LogState, Position


async def _pass(call: str) -> None:
    """Stop at no call."""


class Faults:
    """What goes wrong at a server, for all of its clients.

    `available` False: no call is answered. `fail_before` and `fail_after` count down with the calls: the one that
    reaches 0 fails before, or after, it took effect. `gate` is awaited before each call, with its name.
    """

    def __init__(self) -> None:
        self.available = True
        self.fail_before = 0
        self.fail_after = 0
        self.gate: Callable[[str], Awaitable[None]] = _pass
        self.calls: list[str] = []

    async def before(self, call: str) -> None:
        """Raise UnavailableError if this call is not answered and has no effect."""
        await self.gate(call)
        self.calls.append(call)
        self.fail_before -= 1
        if not self.available or self.fail_before == 0:
            raise UnavailableError(f"{call}: no answer")

    def after(self, call: str) -> None:
        """Raise UnavailableError if the answer to this call is lost."""
        self.fail_after -= 1
        if self.fail_after == 0:
            raise UnavailableError(f"{call}: the answer was lost")


@dataclass(frozen=True)
class LogContent:
    """All that a shared log holds at a moment."""

    state: LogState
    records: tuple[LogRecord, ...]
    retired: frozenset[bytes]


class MemoryLogServer(Faults):
    """What several `MemorySharedLog` share. `content` may be kept and put back: that rolls the log back."""

    def __init__(self) -> None:
        super().__init__()
        self.content: LogContent | None = None

    def flush(self) -> None:
        """Empty it."""
        self.content = None

    def damage(self, place: int, data: bytes) -> None:
        """Change the bytes of the record at this place."""
        assert self.content is not None
        records = list(self.content.records)
        records[place] = replace(records[place], data=data)
        self.content = replace(self.content, records=tuple(records))


def _place(record: LogRecord) -> Position:
    """Return the least position that is behind a record."""
    return Position(record.generation, record.number + 1)


class MemorySharedLog:
    """A client of a `MemoryLogServer`."""

    def __init__(self, server: MemoryLogServer) -> None:
        self._server = server

    async def start(self) -> None:
        """Connect."""
        await self._server.before("log.start")

    async def stop(self) -> None:
        """Close."""

    async def read(self, after: Position, limit: int, retired_known: int = 0) -> LogReading | None:
        """Return state and records."""
        await self._server.before("log.read")
        self._server.after("log.read")
        content = self._server.content
        if content is None:
            return None
        records = [record for record in content.records if _place(record) > after][:limit]
        retired = content.retired if len(content.retired) != retired_known else None
        return LogReading(replace(content.state, retired=len(content.retired)), records, retired)

    async def propose(self, expected: LogState, records: Sequence[LogRecord], end: Position) -> bool:
        """Append, on the expected state only."""
        await self._server.before("log.propose")
        content = self._same(expected)
        taken = content is not None and (content.state.end, content.state.tail) == (expected.end, expected.tail)
        if taken and content is not None:
            state = replace(content.state, end=end, tail=records[-1].tail)
            self._server.content = replace(content, state=state, records=(*content.records, *records))
        self._server.after("log.propose")
        return taken

    async def activate(self, expected: LogState, active: Position, tail: bytes) -> bool:
        """Move the mark."""
        await self._server.before("log.activate")
        content = self._same(expected)
        taken = content is not None and content.state.end >= active and self._tail(content, active) == tail
        if taken and content is not None and content.state.active < active:
            self._server.content = replace(content, state=replace(content.state, active=active))
        self._server.after("log.activate")
        return taken

    async def retire(self, expected: LogState, digests: Collection[bytes]) -> bool:
        """Add digests."""
        await self._server.before("log.retire")
        content = self._same(expected)
        if content is not None:
            self._server.content = replace(content, retired=content.retired | frozenset(digests))
        self._server.after("log.retire")
        return content is not None

    async def replace(self, state: LogState, records: Sequence[LogRecord], retired: Collection[bytes]) -> bool:
        """Put another log in the place of an older one."""
        await self._server.before("log.replace")
        content = self._server.content
        taken = content is None or content.state.store_id != state.store_id or content.state.epoch < state.epoch
        if taken:
            self._server.content = LogContent(state, tuple(records), frozenset(retired))
        self._server.after("log.replace")
        return taken

    def _same(self, expected: LogState) -> LogContent | None:
        content = self._server.content
        if content is None or (content.state.store_id, content.state.epoch) != (expected.store_id, expected.epoch):
            return None
        return content

    @staticmethod
    def _tail(content: LogContent, position: Position) -> bytes:
        return [record.tail for record in content.records if _place(record) <= position][-1]


class MemoryJournalServer(Faults):
    """What several `MemoryJournal` share. `tear_after`: the next append writes so many records, and fails."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[bytes] = []
        self.exists = False
        self.tear_after: int | None = None


class MemoryJournal:
    """A client of a `MemoryJournalServer`."""

    def __init__(self, server: MemoryJournalServer) -> None:
        self._server = server
        self._read = 0

    async def start(self, create: bool) -> None:
        """Connect."""
        await self._server.before("journal.start")
        self._read = 0
        self._server.exists |= create

    async def stop(self) -> None:
        """Close."""

    async def read(self) -> Sequence[bytes]:
        """Return what came since the last time."""
        await self._server.before("journal.read")
        self._server.after("journal.read")
        records = self._server.records[self._read :]
        self._read += len(records)
        return records

    async def append(self, records: Sequence[bytes]) -> None:
        """Append."""
        await self._server.before("journal.append")
        tear, self._server.tear_after = self._server.tear_after, None
        self._server.records += records[:tear]
        if tear is not None:
            raise UnavailableError("journal.append: cut off")
        self._server.after("journal.append")
