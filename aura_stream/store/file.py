"""A codebook in a file, as `aura-stream train` writes it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aura_stream.codec import Codebook, Proposal
from aura_stream.codec.codebook import CollisionError
from aura_stream.errors import CodebookError, ConfigError, StoreLostError, UnavailableError
from aura_stream.ports import Finding, StoreStatus
from aura_stream.store.condition import Condition
from aura_stream.store.properties import Properties

_LOCK_SECONDS: Final = 10.0  # how long others may write the file before that is an outage
_LOCK_PAUSE: Final = 0.02


class FileStore:
    """Implements `TemplateStore` on a file that is only ever replaced as a whole, by writers that hold `PATH.lock`.

    `create`: a missing file is an empty book, made at the first promotion; without it, ConfigError at start.
    """

    def __init__(self, path: Path, properties: Properties | None = None, create: bool = False) -> None:
        self._path = path
        self._lock = path.with_name(f"{path.name}.lock")
        self._properties = Properties() if properties is None else properties
        self._create = create
        self._book = self._properties.codebook
        self._known = False  # whether the file was there once
        self._seen: tuple[int, ...] = ()
        self._condition = Condition(f"{path}")

    @property
    def status(self) -> StoreStatus:
        """How the file is."""
        return self._condition.status

    def codebook(self) -> Codebook:
        """Return the book. Raises ConfigError if it cannot be opened, CodebookError if it is damaged."""
        try:
            return Codebook.load(self._path)
        except FileNotFoundError:
            raise ConfigError(
                f"store.file.path: there is no codebook {self._path}; make it with: "
                f"aura-stream train MESSAGES -o {self._path}"
            ) from None
        except OSError as error:
            raise ConfigError(f"store.file.path: {self._path}: {error.strerror}") from error

    async def start(self) -> Codebook:
        """Read the file. Raises ConfigError if it cannot be opened or was made with other properties."""
        if self._create and not self._path.exists():
            return self._book
        seen = _signature(self._path)
        book = await asyncio.to_thread(self.codebook)
        self._properties.check(book, f"codebook {self._path}")
        self._book, self._seen, self._known = book, seen, True
        return book

    async def follow(self) -> Codebook:
        """Return the book, read anew if the file was replaced."""
        seen = _signature(self._path)
        if seen and seen == self._seen:
            return self._book
        try:
            self._adopt(await asyncio.to_thread(Codebook.load, self._path), seen)
        except FileNotFoundError:
            if self._known:
                self._condition.lost("the file is gone")
        except StoreLostError:
            pass  # told already
        except OSError as exc:
            self._condition.degraded(exc.strerror or "")
        except CodebookError as exc:
            self._seen = seen
            self._condition.degraded(str(exc))
        return self._book

    async def search(self) -> Codebook:
        """Do the same: there is no other copy."""
        return await self.follow()

    async def promote(self, proposal: Proposal) -> Codebook:
        """Extend the file's book. Raises UnavailableError, StoreLostError; CodebookError if there is no room."""
        return await self._change(lambda book: book.extended(proposal))

    async def retire(self, digests: Collection[bytes]) -> Codebook:
        """Retire templates. Errors as for `promote`."""
        return await self._change(lambda book: book.without(digests))

    async def rebuild(self) -> Codebook:
        """Write what is known here over the file, in a new generation; what stood there is kept beside it."""
        async with self._locked():
            if await self._is_lost():
                await asyncio.to_thread(self._replace)
        return self._book

    async def verify(self) -> Sequence[Finding]:
        """Read the file anew, with all its digests, and compare it with what is known here."""
        name = f"file {self._path}"
        try:
            book = await asyncio.to_thread(Codebook.load, self._path)
        except CodebookError as exc:
            return [Finding(name, str(exc), "lost" if not self._known else "repairable")]
        except OSError as exc:
            return [Finding(name, exc.strerror or "", "repairable" if self._known else "ok")]
        if not self._book.is_prefix_of(book):
            return [Finding(name, "it is not a longer form of the codebook known here", "repairable")]
        return [Finding(name, "")]

    async def stop(self) -> None:
        """Do nothing: no file is held open."""

    async def _change(self, change: Callable[[Codebook], Codebook]) -> Codebook:
        async with self._locked():
            await self._load()
            try:
                longer = change(self._book)
            except CollisionError as exc:
                self._condition.collision(str(exc))
                raise
            if longer is not self._book:
                await asyncio.to_thread(self._save, longer)
                self._adopt(longer, _signature(self._path))
        return self._book

    async def _load(self) -> None:
        seen = _signature(self._path)
        try:
            self._adopt(await asyncio.to_thread(Codebook.load, self._path), seen)
        except FileNotFoundError:
            if self._known or not self._create:
                self._condition.fail("the file is gone")
        except OSError as exc:
            raise UnavailableError(f"{self._path}: {exc.strerror}") from exc
        except CodebookError as exc:
            self._condition.fail(str(exc))

    def _adopt(self, book: Codebook, seen: tuple[int, ...]) -> None:
        """Take a longer book. Raises StoreLostError for any other."""
        self._seen = seen
        if not self._book.is_prefix_of(book):
            if not self._known:
                self._properties.check(book, f"codebook {self._path}")
            self._condition.fail("the file holds a codebook that is not a longer form of the one known here")
        if book != self._book:
            self._book = book
        self._known = True
        self._condition.ok()

    async def _is_lost(self) -> bool:
        try:
            await self._load()
        except StoreLostError:
            return True
        return False

    def _replace(self) -> None:
        newest = self._book.newest
        if newest is not None:
            again = Proposal(newest.templates, True, newest.dictionary, newest.birth)
            self._book = self._book.extended(again)
        self._keep_aside()
        self._save(self._book)
        self._seen, self._known = _signature(self._path), True
        self._condition.rebuilt()
        self._condition.ok()

    def _keep_aside(self) -> None:
        """Give what stands in the file another name, one that no file has."""
        number = 0
        while (aside := self._path.with_name(f"{self._path.name}.lost-{number}")).exists():
            number += 1
        try:
            self._path.rename(aside)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise UnavailableError(f"{self._path}: {exc.strerror}") from exc

    def _save(self, book: Codebook) -> None:
        try:
            book.save(self._path)
        except OSError as exc:
            raise UnavailableError(f"{self._path}: {exc.strerror}") from exc

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise UnavailableError(f"{self._lock}: {exc.strerror}") from exc
        try:
            await _acquire(lock, self._lock)
            yield
        finally:
            os.close(lock)


async def _acquire(lock: int, path: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UnavailableError(f"{path}: another process has held it for {_LOCK_SECONDS:.0f} s") from None
            await asyncio.sleep(_LOCK_PAUSE)


def _signature(path: Path) -> tuple[int, ...]:
    """Return what changes when the file is replaced; nothing if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
