"""A codebook that lives as long as the process."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aura_stream.codec import Codebook, Proposal
from aura_stream.codec.codebook import RawMode
from aura_stream.ports import Finding, StoreStatus
from aura_stream.store.properties import Properties


class MemoryStore:
    """Implements `TemplateStore`. Begins empty: messages become smaller only where zstd or brotli shrink them."""

    def __init__(self, check_bytes: int | None = None, raw: RawMode | None = None) -> None:
        self._book = Properties(check_bytes, raw).codebook

    def codebook(self) -> Codebook:
        """Return the book."""
        return self._book

    @property
    def status(self) -> StoreStatus:
        """Always ok."""
        return StoreStatus()

    async def start(self) -> Codebook:
        """Return the book."""
        return self._book

    async def follow(self) -> Codebook:
        """Return the book."""
        return self._book

    async def search(self) -> Codebook:
        """Return the book."""
        return self._book

    async def promote(self, proposal: Proposal) -> Codebook:
        """Extend the book. Raises CodebookError if there is no room for the proposal."""
        self._book = self._book.extended(proposal)
        return self._book

    async def retire(self, digests: Collection[bytes]) -> Codebook:
        """Retire templates."""
        self._book = self._book.without(digests)
        return self._book

    async def rebuild(self) -> Codebook:
        """Return the book: there is no copy to mend."""
        return self._book

    async def verify(self) -> Sequence[Finding]:
        """Find nothing: there is no copy to compare."""
        return [Finding("memory", "")]

    async def stop(self) -> None:
        """Do nothing."""
