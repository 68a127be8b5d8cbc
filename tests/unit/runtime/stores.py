"""A template store that does what a test tells it to, and books to put into it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import AuraError, StoreLostError, UnavailableError
from aura_stream.ports import Finding, StoreStatus
from tests.unit.codec.books import template


class FakeStore:
    """Holds a book. `hidden` is what only `search` finds; while `held` is clear, nothing comes back."""

    def __init__(self, book: Codebook | None = None) -> None:
        self.book = book or Codebook()
        self.hidden: Codebook | None = None
        self.held = asyncio.Event()
        self.held.set()
        self.refusals: list[AuraError] = []  # raised one after the other by start, follow, search and promote
        self.status = StoreStatus()
        self.starts = self.stops = self.follows = self.searches = self.rebuilds = 0
        self.promoted: list[Proposal] = []
        self.concurrent = 0

    async def start(self) -> Codebook:
        self.starts += 1
        return await self._answer()

    async def follow(self) -> Codebook:
        self.follows += 1
        return await self._answer()

    async def search(self) -> Codebook:
        self.searches += 1
        book = await self._answer()
        if self.hidden is not None:
            self.book, self.hidden = self.hidden, None
            return self.book
        return book

    async def promote(self, proposal: Proposal) -> Codebook:
        await self._answer()
        self.promoted.append(proposal)
        self.book = self.book.extended(proposal)
        return self.book

    async def retire(self, digests: Collection[bytes]) -> Codebook:
        self.book = self.book.without(digests)
        return self.book

    async def rebuild(self) -> Codebook:
        self.rebuilds += 1
        await self._answer()
        newest = self.book.newest
        if newest is not None:
            self.book = self.book.extended(Proposal(newest.templates, True))
        self.status = StoreStatus()
        return self.book

    async def verify(self) -> Sequence[Finding]:
        return []

    async def stop(self) -> None:
        self.stops += 1

    async def _answer(self) -> Codebook:
        assert self.concurrent == 0, "the port promises one call at a time"
        self.concurrent += 1
        try:
            await self.held.wait()
            if self.refusals:
                raise self.refusals.pop(0)
            return self.book
        finally:
            self.concurrent -= 1


def longer(book: Codebook, *texts: bytes) -> Codebook:
    """The same book with more templates in its newest generation."""
    return book.extended(Proposal([template(text) for text in texts]))


def away() -> UnavailableError:
    return UnavailableError("the store is away")


def lost() -> StoreLostError:
    return StoreLostError("the store is lost")
