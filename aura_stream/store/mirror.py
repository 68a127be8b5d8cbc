"""Mirror: a process's own copy of what it knows of a store, on disk. A cache to start from, never a reason for use.

{folder}/{namespace}/{verb}-{index}/entries      records, each behind its length (unsigned LEB128)
                                    damaged-…    what was found to be damaged, named by its digest
                                    lock         held by flock while the process runs
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

from aura_stream.codec.bookfile import replace_file, sync_folder
from aura_stream.codec.template import DIGEST_SIZE, digest_of
from aura_stream.errors import CodebookError, ConfigError
from aura_stream.model.framing import DamagedFileError, leb128, split_varint
from aura_stream.store.entry import Entry

MAX_MIRROR: Final = 1 << 30  # bytes; many times what a store holds: beyond it can only be damage
MAX_PROCESSES: Final = 1000  # of one verb that mirror one namespace into one folder
MAX_DAMAGED: Final = 100  # quarantined records that are kept
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MirrorContent:
    """What a mirror holds: whole records in order, and what is wrong with others (bytes, and a word about each)."""

    records: Sequence[bytes] = ()
    damaged: Sequence[tuple[str, bytes]] = ()
    torn: int = 0  # bytes of a last record that was cut off by a crash


class Mirror(Protocol):
    """What a store keeps its copy in. After a failed write `behind` is True until a `rewrite` succeeds."""

    behind: bool
    kept: bool  # whether there is one at all

    async def open(self) -> MirrorContent:
        """Take hold of it, and return what it holds. Raises ConfigError if the folder cannot be used."""
        ...

    async def read(self) -> MirrorContent:
        """Return what it holds."""
        ...

    async def append(self, records: Sequence[bytes]) -> None:
        """Add records, and return when they are on the disk. A disk that fails is told of, not raised."""
        ...

    async def rewrite(self, records: Sequence[bytes]) -> None:
        """Hold these records instead of what there was, in one step."""
        ...

    async def quarantine(self, record: bytes) -> None:
        """Keep a damaged record aside."""
        ...

    def close(self) -> None:
        """Let go of it. May be called twice."""
        ...


class NoMirror:
    """Holds nothing: for processes without a folder of their own."""

    behind = False
    kept = False

    async def open(self) -> MirrorContent:
        """Return nothing."""
        return MirrorContent()

    async def read(self) -> MirrorContent:
        """Return nothing."""
        return MirrorContent()

    async def append(self, records: Sequence[bytes]) -> None:
        """Forget."""

    async def rewrite(self, records: Sequence[bytes]) -> None:
        """Forget."""

    async def quarantine(self, record: bytes) -> None:
        """Forget."""

    def close(self) -> None:
        """Do nothing."""


class FolderMirror:
    """A mirror in the first free folder of its verb."""

    kept = True

    def __init__(self, root: Path, namespace: str, verb: str) -> None:
        self._parent = root / quote(namespace, safe="").replace(".", "%2E")
        self._verb = verb
        self._folder: Path | None = None
        self._lock: int | None = None
        self._told = False
        self.behind = False

    @property
    def path(self) -> Path | None:
        """The file of the records; None before `open`."""
        return None if self._folder is None else self._folder / "entries"

    async def open(self) -> MirrorContent:
        """Take the first folder that no other process holds."""
        try:
            await asyncio.to_thread(self._take)
            content = await self.read()
        except OSError as exc:
            if exc.errno not in _FULL:
                raise ConfigError(f"store.mirror: {self._parent}: {exc.strerror}") from exc
            self._failed(exc)
            return MirrorContent()
        for _, record in content.damaged:
            await self.quarantine(record)
        return content

    async def read(self) -> MirrorContent:
        """Read the file."""
        return MirrorContent() if self.path is None else await asyncio.to_thread(_read, self.path)

    async def append(self, records: Sequence[bytes]) -> None:
        """Append and sync; a part that was written before a failure is cut off again."""
        if records and self.path is not None:
            await asyncio.to_thread(self._guarded, _append, self.path, records)

    async def rewrite(self, records: Sequence[bytes]) -> None:
        """Replace the file."""
        if self.path is not None:
            await asyncio.to_thread(self._guarded, _rewrite, self.path, records)

    async def quarantine(self, record: bytes) -> None:
        """Write it to a file of its own, unless there are many already."""
        if self._folder is not None and len(list(self._folder.glob("damaged-*"))) < MAX_DAMAGED:
            name = self._folder / f"damaged-{digest_of(record).hex()}"
            try:
                await asyncio.to_thread(name.write_bytes, record)
            except OSError as exc:
                log.warning("store.mirror: %s: %s", name, exc.strerror)

    def close(self) -> None:
        """Let another process take the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._folder = None

    def _take(self) -> None:
        for index in range(MAX_PROCESSES):
            folder = self._parent / f"{self._verb}-{index}"
            _make_durably(folder)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            except OSError:
                os.close(lock)
                raise
            self._lock, self._folder = lock, folder
            return
        raise OSError(errno.EBUSY, f"{MAX_PROCESSES} processes have a mirror here")

    def _guarded(self, write: _Write, path: Path, records: Sequence[bytes]) -> None:
        try:
            write(path, records)
        except OSError as exc:
            self._failed(exc)
        else:
            if self._told:
                log.info("store.mirror: %s can be written again", path)
            self._told = self.behind = False

    def _failed(self, exc: OSError) -> None:
        self.behind = True
        if not self._told:
            self._told = True
            log.error("store.mirror: %s: %s; going on without it", self._folder or self._parent, exc.strerror)


class _Write(Protocol):
    def __call__(self, path: Path, records: Sequence[bytes]) -> None: ...


def _make_durably(folder: Path) -> None:
    """Make a folder, and its parents, whose names survive a power failure."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            _make_durably(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def _append(path: Path, records: Sequence[bytes]) -> None:
    if not path.exists():
        path.touch()
        sync_folder(path.parent)
    with path.open("ab") as file:
        size = file.tell()
        try:
            file.write(_joined(records))
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def _rewrite(path: Path, records: Sequence[bytes]) -> None:
    replace_file(path, _joined(records))


def _joined(records: Sequence[bytes]) -> bytes:
    return b"".join(leb128(len(record)) + record for record in records)


def _read(path: Path) -> MirrorContent:
    try:
        if path.stat().st_size > MAX_MIRROR:
            raise OSError(errno.EFBIG, f"a mirror has at most {MAX_MIRROR} bytes")
        data = path.read_bytes()
    except FileNotFoundError:
        return MirrorContent()
    records: list[bytes] = []
    damaged: list[tuple[str, bytes]] = []
    found, end, is_whole = _split(data)
    for place, record in enumerate(found):
        try:
            Entry.from_bytes(record)
            records.append(record)
        except CodebookError:
            damaged.append((f"mirror entry {place}", record))
    if not is_whole:
        damaged.append((f"mirror, from byte {end}", data[end:]))
    return MirrorContent(records, tuple(damaged), len(data) - end if is_whole else 0)


def _split(data: bytes) -> tuple[list[bytes], int, bool]:
    """Return the whole records, where they end, and whether what follows is at most a torn one.

    A length that no record has is damage from there on: a file that a crash left full of zeros is not a record a byte.
    """
    records: list[bytes] = []
    end = 0
    while True:
        try:
            items = split_varint(data, end, 1, len(data))
        except DamagedFileError:
            return records, end, False
        if not items.values:
            return records, end, True
        if len(items.values[0]) <= DIGEST_SIZE:
            return records, end, False
        records += items.values
        end = items.ends[0]
