"""Port: the log of proposed entries that all processes of a namespace share (Redis). Fast, and not trusted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from aura_stream.model.log import LogReading, LogRecord, LogState, Position


class SharedLog(Protocol):
    """One namespace's log. Every writing call names the state it was decided on, and is refused on another.

    Called from one event loop, one call at a time. Every call is bounded in time (10 s). Raises UnavailableError if
    the server does not answer, ConfigError for what editing the configuration mends (login, permissions).
    """

    async def start(self) -> None:
        """Connect. May be called again after it raised UnavailableError."""
        ...

    async def read(self, after: Position, limit: int, retired_known: int = 0) -> LogReading | None:
        """Return the state and up to `limit` records behind `after`, as they were at one moment; None: no log there.

        The digests of retired templates come along where their count is not `retired_known`.
        """
        ...

    async def propose(self, expected: LogState, records: Sequence[LogRecord], end: Position) -> bool:
        """Append records, in one step, if identity, epoch, `end` and `tail` are as expected; then the log ends at
        `end`, and its tail is that of the last record.

        Returns False, and writes nothing, if they are not.
        """
        ...

    async def activate(self, expected: LogState, active: Position, tail: bytes) -> bool:
        """Note that everything before `active` is durable, if identity and epoch are as expected and the record that
        ends at `active` has this tail: another process may have written something else there after a roll back.

        The mark never goes back: where it is further already, nothing changes, and that is True too. Returns False,
        and changes nothing, otherwise.
        """
        ...

    async def retire(self, expected: LogState, digests: Collection[bytes]) -> bool:
        """Add to the digests of retired templates, if identity and epoch are as expected; else return False."""
        ...

    async def replace(self, state: LogState, records: Sequence[LogRecord], retired: Collection[bytes]) -> bool:
        """Put this log in the place of what is there: of nothing, of another identity, or of an older epoch.

        Returns False, and changes nothing, if there is a log of the same identity and an epoch that is not older.
        Readers see the old log or the new one whole, however many records there are.
        """
        ...

    async def stop(self) -> None:
        """Close. May be called twice, and after a failed start."""
        ...
