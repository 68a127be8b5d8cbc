"""A log, a journal and the stores on them, for the tests of the shared store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aura_stream.codec import Codebook, Proposal, Template
from aura_stream.ports import Finding
from aura_stream.store import FolderMirror, Properties, SharedStore
from aura_stream.testing import MemoryJournal, MemoryJournalServer, MemoryLogServer, MemorySharedLog

NAME = "orders"
ONE, TWO, THREE = (Template((text,)) for text in (b"one", b"two", b"three"))
FIRST = Proposal((ONE, TWO), birth=1_700_000_000)
SECOND = Proposal((THREE,))


class World:
    """What several processes share; each `store` is one of them. With a folder, they have mirrors."""

    def __init__(self, folder: Path | None = None) -> None:
        self.log = MemoryLogServer()
        self.journal = MemoryJournalServer()
        self.folder = folder

    def store(
        self,
        verb: str | None = None,
        properties: Properties | None = None,
        require_store: bool = False,
        name: str = NAME,
    ) -> SharedStore:
        """A process that is not started; with a verb it keeps a mirror."""
        mirror = None if verb is None or self.folder is None else FolderMirror(self.folder, name, verb)
        log, journal = MemorySharedLog(self.log), MemoryJournal(self.journal)
        return SharedStore(log, journal, name, properties, mirror, require_store)

    async def filled(self, *proposals: Proposal) -> Codebook:
        """Promote, and return the book."""
        store = self.store()
        await store.start()
        book = Codebook()
        for proposal in proposals or (FIRST, SECOND):
            book = await store.promote(proposal)
        return book

    async def fresh_book(self) -> Codebook:
        """What a process makes of it that knows nothing."""
        return await self.store().start()


def problems(findings: Sequence[Finding]) -> list[str]:
    """The findings that are none of "it is well", as text."""
    return [f"{each.subject}: {each.problem} ({each.severity})" for each in findings if each.problem]
