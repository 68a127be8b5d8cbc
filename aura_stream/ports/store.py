"""Port: where a codebook lives and grows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # connectors know the ports, and must not load the codec with them
    from aura_stream.codec import Codebook, Proposal

Severity = Literal["ok", "unknown", "repairable", "lost"]  # unknown: a server did not answer


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a verification: what was looked at, and whether it is as it should be."""

    subject: str  # "journal", "mirror entry 12", "log entry 3-18"
    problem: str  # empty: it is well
    severity: Severity = "ok"


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How a store is: for progress lines and metrics.

    `state`: ok; degraded: the store does not answer, the mirror's or the last known book is used; lost: it is not
    the store we knew, and waits for a rebuild by a promoter.
    """

    state: Literal["ok", "degraded", "lost"] = "ok"
    reason: str = ""
    lost: int = 0  # how often it was noticed that the store is lost
    damaged: int = 0  # entries with a wrong digest, quarantined
    rebuilt: int = 0


class TemplateStore(Protocol):
    """One namespace's codebook. Books only ever grow: each returned one is an extension of those before.

    Called from one event loop, one call at a time. A book returned by any call holds active entries only: durable,
    with numbers that nobody else can get. `follow` and `search` change nothing that others see.
    """

    async def start(self) -> Codebook:
        """Connect, and return the book to begin with.

        A store that does not answer is no reason to fail where a mirror is usable (`status`: degraded). Raises
        UnavailableError if nothing at all can be read within 10 s, ConfigError if the namespace was made with other
        properties (check_bytes, raw) or a file is missing, CodebookError for damage that no other copy mends.
        """
        ...

    async def follow(self) -> Codebook:
        """Return the book as it is now: the same object if nothing is new. Asked about twice a second, off the hot
        path. Never raises for a store that does not answer or is lost: that is `status`, told once in the log.
        """
        ...

    async def search(self) -> Codebook:
        """Do the same, asking every copy there is (the journal too): for a frame that names what is unknown here."""
        ...

    async def promote(self, proposal: Proposal) -> Codebook:
        """Make a proposal's entries part of the book, durably, and return it. What the book has already is passed
        over; promoters that come at the same time are harmless.

        Raises UnavailableError if it is not certain (call again), StoreLostError if the store is not the one we
        knew: `rebuild` mends it.
        """
        ...

    async def retire(self, digests: Collection[bytes]) -> Codebook:
        """Write with these templates no longer; they decode for ever. Errors as for `promote`."""
        ...

    async def rebuild(self) -> Codebook:
        """Write the store anew from the journal and the mirror, into a new generation; no number is given twice."""
        ...

    async def verify(self) -> Sequence[Finding]:
        """Compare all copies, entry by entry; changes nothing."""
        ...

    @property
    def status(self) -> StoreStatus:
        """How the store is."""
        ...

    async def stop(self) -> None:
        """Close. May be called twice, and after a failed start."""
        ...
