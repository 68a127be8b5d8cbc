"""What becomes of a proposal: it is promoted through the store, or put into a file for a person to look at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import CodebookError, StoreLostError
from aura_stream.ports import TemplateStore
from aura_stream.runtime.retry import Outage, Sleep, StillAwayError

T = TypeVar("T")

MEND_PAUSE: Final = 1.0  # seconds between two attempts to rebuild

log = logging.getLogger(__name__)


class Promoting(Protocol):
    """Where proposals go."""

    async def promote(self, proposal: Proposal, book: Codebook) -> Codebook:
        """Do with the proposal what is to be done, and return the book as it is then."""
        ...

    async def mend(self, book: Codebook) -> Codebook:
        """Rebuild a store that is lost, if that is ours to do, and return the book as it is then."""
        ...


class StorePromoter:
    """Promotes, and rebuilds the store where it is lost. Tries without end, until `stopped`."""

    def __init__(self, store: TemplateStore, sleep: Sleep, stopped: Callable[[], bool]) -> None:
        self._store = store
        self._sleep = sleep
        self._outage = Outage("the template store", sleep)
        self._stopped = stopped

    async def promote(self, proposal: Proposal, book: Codebook) -> Codebook:
        """Promote. A store that is lost is rebuilt first: what was found is still true for what it holds then."""
        while not self._stopped():
            try:
                return await self._outlast(lambda: self._store.promote(proposal), book)
            except StoreLostError as error:
                log.critical("%s; rebuilding it", error)
            except CodebookError as error:  # the store has no room for it; what is there is as good as it was
                log.error("a proposal of %d templates is refused: %s", len(proposal.templates), error)  # noqa: TRY400
                return book
            book = await self.mend(book)
        return book

    async def mend(self, book: Codebook) -> Codebook:
        """Rebuild."""
        try:
            return await self._outlast(self._store.rebuild, book)
        except StoreLostError as error:
            log.error("the store cannot be rebuilt, trying again: %s", error)  # noqa: TRY400  no traceback: it is not ours
            await self._sleep(MEND_PAUSE)
            return book

    async def _outlast(self, attempt: Callable[[], Awaitable[T]], otherwise: T) -> T:
        while not self._stopped():
            try:
                async with self._outage.attempt():
                    return await attempt()
            except StillAwayError:
                continue
        return otherwise


class ApprovalFile:
    """Gathers proposals in a codebook file, which `aura-stream templates import` takes. Promotes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gathered: Codebook | None = None

    async def promote(self, proposal: Proposal, book: Codebook) -> Codebook:
        """Add to the file what is not in it yet; a ranking anew takes the place of all that was in it."""
        gathered = self._gathered or Codebook(book.check_bytes, book.raw)
        if proposal.opens:
            gathered = Codebook(book.check_bytes, book.raw)
        longer = gathered.extended(proposal)
        if longer is not gathered:
            self._gathered = longer
            await asyncio.to_thread(self._save, longer)
        return book

    async def mend(self, book: Codebook) -> Codebook:
        """Leave that to a person."""
        return book

    def _save(self, gathered: Codebook) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            gathered.save(self._path)
        except OSError as error:
            log.warning("%s: %s", self._path, error.strerror)
            return
        count = len(gathered.generations[-1].templates)
        log.info("%d templates wait for approval: aura-stream templates import CONFIG %s", count, self._path)
