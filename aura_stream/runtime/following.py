"""Following the template store beside the work: longer books come to the codec, and never the other way round.

Nothing on the way of a message waits for the store. One that hangs or is away delays what is learned, nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aura_stream.codec import Codebook
from aura_stream.errors import AuraError, UnavailableError
from aura_stream.ports import TemplateStore
from aura_stream.runtime.statistics import Statistics

POLL: Final = 0.5  # seconds between two looks at the store
READERS_FIRST: Final = 1.0  # seconds that an encoder waits with what it saw: readers look twice meanwhile
LONGEST_SEARCH_PAUSE: Final = 15.0  # seconds between two searches of all copies, while something is missing

log = logging.getLogger(__name__)


class Follower:
    """Asks the store for its book twice a second, and hands longer ones to `offer`, `delay` seconds later.

    While `searching` is set, all copies are asked too, at growing intervals.
    """

    def __init__(
        self, store: TemplateStore, offer: Callable[[Codebook], None], statistics: Statistics, delay: float
    ) -> None:
        self._store = store
        self._offer = offer
        self._statistics = statistics
        self._delay = delay
        self._seen: Codebook | None = None
        self._started = False
        self._task: asyncio.Task[None] | None = None
        self._search_pause = POLL
        self._next_search = 0.0
        self._failure: str = ""
        self.searching = False
        self.books = 0  # how many were handed over

    async def start(self) -> None:
        """Open the store and hand over its book at once. Raises what `TemplateStore.start` raises; may come again."""
        if self._started:
            await self._store.stop()
        self._started = True
        book = await self._store.start()
        self._seen = book
        self._hand_over(book)

    def begin(self) -> None:
        """Follow from now on."""
        self._task = asyncio.create_task(self._follow())

    def check(self) -> None:
        """Raise what ended the following, if anything did: an error of ours."""
        if self._task is not None and self._task.done():
            self._task.result()

    def search_now(self) -> None:
        """Ask all copies with the next look, and then less and less often until `searching` is cleared."""
        self.searching, self._search_pause, self._next_search = True, POLL, 0.0

    async def stop(self) -> None:
        """Follow no more, and close the store."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._store.stop()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            book = await self._asked(self._store.search if self._search_is_due() else self._store.follow)
            self._statistics.store = self._store.status
            if book is not None and book is not self._seen:
                self._seen = book
                asyncio.get_running_loop().call_later(self._delay, self._hand_over, book)

    def _search_is_due(self) -> bool:
        now = asyncio.get_running_loop().time()
        if not self.searching or now < self._next_search:
            return False
        self._next_search = now + self._search_pause
        self._search_pause = min(LONGEST_SEARCH_PAUSE, 2 * self._search_pause)
        return True

    async def _asked(self, ask: Callable[[], Awaitable[Codebook]]) -> Codebook | None:
        """Return the book, None if the store cannot tell; what keeps it from telling is said once."""
        try:
            book = await ask()
        except AuraError as error:
            if str(error) != self._failure:
                say = log.warning if isinstance(error, UnavailableError) else log.error
                say("the store cannot be followed, going on with the book known here: %s", error)
            self._failure = str(error)
            return None
        self._failure = ""
        return book

    def _hand_over(self, book: Codebook) -> None:
        self._statistics.generations = len(book.generations)
        self._statistics.templates = len(book.newest.templates) if book.newest is not None else 0
        self._statistics.store = self._store.status
        self._offer(book)
        self.books += 1
