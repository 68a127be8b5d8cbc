"""A template store that processes share: a fast log that is not trusted, a journal that decides, mirrors to start from.

The protocol is told in docs/adr/the-journal-decides.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aura_stream.codec import Codebook, Proposal
from aura_stream.ports import Finding, Journal, SharedLog, StoreStatus
from aura_stream.store.copies import Copies
from aura_stream.store.following import Follower
from aura_stream.store.mirror import Mirror, NoMirror
from aura_stream.store.promoting import Promoter
from aura_stream.store.properties import Properties
from aura_stream.store.rebuilding import Rebuilder
from aura_stream.store.verifying import verify


class SharedStore:
    """Implements `TemplateStore` for the namespace of this name.

    `require_store`: rather fail at start than begin without the shared log.
    """

    def __init__(
        self,
        log: SharedLog,
        journal: Journal,
        name: str,
        properties: Properties | None = None,
        mirror: Mirror | None = None,
        require_store: bool = False,
    ) -> None:
        self._copies = Copies(log, journal, mirror or NoMirror(), name, properties or Properties())
        self._follower = Follower(self._copies)
        self._promoter = Promoter(self._copies)
        self._rebuilder = Rebuilder(self._copies, self._promoter)
        self._require_store = require_store

    @property
    def status(self) -> StoreStatus:
        """How the store is."""
        return self._copies.condition.status

    async def start(self) -> Codebook:
        """Connect, and return the book to begin with. With `require_store` it may raise StoreLostError too."""
        await self._follower.start(self._require_store)
        return self._copies.book

    async def follow(self) -> Codebook:
        """Return the book as it is now. Raises ConfigError where it is made with other properties meanwhile."""
        await self._follower.follow()
        return self._copies.book

    async def search(self) -> Codebook:
        """Do the same, asking the journal too."""
        await self._follower.search()
        return self._copies.book

    async def promote(self, proposal: Proposal) -> Codebook:
        """Make a proposal's entries part of the book, and return it."""
        await self._promoter.promote(proposal)
        return self._copies.book

    async def retire(self, digests: Collection[bytes]) -> Codebook:
        """Write with these templates no longer, and return the book."""
        await self._promoter.retire(digests)
        return self._copies.book

    async def rebuild(self) -> Codebook:
        """Write the store anew, and return the book."""
        await self._rebuilder.rebuild()
        return self._copies.book

    async def verify(self) -> Sequence[Finding]:
        """Compare all copies."""
        return await verify(self._copies)

    async def stop(self) -> None:
        """Close."""
        await self._copies.stop()
