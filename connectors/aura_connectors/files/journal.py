"""The journal of a template store in a file; `maker` is what the entry point names.

The file is text, so that damage stays where it is: a flipped byte spoils one line, never the place of the next one.

    aura-journal 1          the format
    UmVjb3JkIG9uZQ==        one record a line, base64; what lies behind the last line feed was never acknowledged

Writers hold a lock while they append, so there may be several. The next one cuts a torn end off, and keeps it in
PATH.torn.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel

from aura_connectors.files.durable import require_regular, sync_folder
from aura_connectors.files.options import FilesJournalOptions, FilesSinkOptions, FilesSourceOptions
from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.ports import Journal, JournalMaker

T = TypeVar("T")

log = logging.getLogger(__name__)

HEADER: Final = b"aura-journal 1\n"
START_TIMEOUT: Final = 9.0  # seconds
APPEND_TIMEOUT: Final = 30.0  # the port's bound
LOCK_PATIENCE: Final = 5.0  # another writer holds the lock while it writes one batch
_LOCK_POLL = 0.01
_BLOCK = 1 << 16
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE)  # may pass by itself; what else fails, a human mends
_SOURCE = "{source}"
_File = tuple[int, int]  # device and inode


class FileJournal:
    """See `aura_stream.ports.Journal`."""

    def __init__(self, options: FilesJournalOptions, namespace: str) -> None:
        self._path = options.path
        self._file: _File | None = None  # what was read
        self._offset = 0  # behind the last line that was read

    async def start(self, create: bool) -> None:
        """See the port."""
        self._file, self._offset = None, 0
        if create:
            await self._in_thread(START_TIMEOUT, lambda: self._append([]))

    async def stop(self) -> None:
        """See the port; nothing is held open."""

    async def read(self) -> Sequence[bytes]:
        """See the port. Raises ConfigError for a file that is no journal, or not the one that was read before."""
        file, offset, records = await self._in_thread(APPEND_TIMEOUT, self._read)
        self._file, self._offset = file, offset  # here: a thread that nobody waits for any more must not move them
        return records

    async def append(self, records: Sequence[bytes]) -> None:
        """See the port."""
        await self._in_thread(APPEND_TIMEOUT, lambda: self._append(records))

    async def _in_thread(self, seconds: float, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.to_thread(work)
        except TimeoutError as error:
            raise UnavailableError(f"journal {self._path}: the disk does not answer within {seconds:g} s") from error
        except OSError as error:
            kind = UnavailableError if error.errno in _FULL else ConfigError
            raise kind(f"journal {self._path}: {error.strerror or error}") from error

    def _read(self) -> tuple[_File | None, int, list[bytes]]:
        """Return what was read from, the place behind the last line that was read, and the records of the new ones."""
        start = self._offset
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            self._require_same(None, 0)
            return None, start, []
        try:
            require_regular(descriptor, self._path)
            status = os.fstat(descriptor)
            file = (status.st_dev, status.st_ino)
            self._require_same(file, status.st_size)
            content = _read_from(descriptor, start)
            whole = content[: content.rfind(b"\n") + 1]
            if whole:
                os.fsync(descriptor)  # whose writer died before it could: a record that is read must stay
        finally:
            os.close(descriptor)
        return file, start + len(whole), self._records(whole, start)

    def _require_same(self, file: _File | None, size: int) -> None:
        if self._offset and (file != self._file or size < self._offset):
            raise ConfigError(
                f"journal {self._path} no longer holds what was read from it: it was removed, cut or replaced; "
                "bring it back, or start anew and run `templates rebuild`"
            )

    def _records(self, whole: bytes, start: int) -> list[bytes]:
        """Return the records of these lines, which begin at this place of the file."""
        lines = whole.split(b"\n")[:-1]
        if lines and not start:
            self._require_header(lines[0] + b"\n")
            del lines[0]
        return [_unspell(line) for line in lines]

    def _require_header(self, header: bytes) -> None:
        if header != HEADER:
            raise ConfigError(f"{self._path} is no journal of ours: it does not begin with {HEADER.decode().strip()!r}")

    def _append(self, records: Sequence[bytes]) -> None:
        lines = b"".join(base64.b64encode(record) + b"\n" for record in records)
        with self._locked() as descriptor:
            end = self._repaired(descriptor)
            if end == 0:
                lines = HEADER + lines
            try:
                _write(descriptor, lines, end)
                os.fsync(descriptor)
            except OSError:
                with contextlib.suppress(OSError):  # else the next writer does it
                    os.ftruncate(descriptor, end)
                raise
        if end == 0:
            sync_folder(self._path.parent)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file, make it where it is missing, and hold its lock."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            require_regular(descriptor, self._path)
            deadline = time.monotonic() + LOCK_PATIENCE
            while not _lock(descriptor):
                if time.monotonic() > deadline:
                    raise UnavailableError(f"journal {self._path} is being written by another process")
                time.sleep(_LOCK_POLL)
            yield descriptor
        finally:
            os.close(descriptor)

    def _repaired(self, descriptor: int) -> int:
        """Return where the last whole line ends; what lies behind it is moved to PATH.torn."""
        size = os.fstat(descriptor).st_size
        end = _end_of_lines(descriptor, size)
        if end:
            self._require_header(os.pread(descriptor, len(HEADER), 0))
        torn = os.pread(descriptor, size - end, end)
        if not end and not HEADER.startswith(torn):
            self._require_header(torn)
        if torn:
            log.warning(
                "journal %s: %d bytes that were never acknowledged are moved to its .torn", self._path, len(torn)
            )
            with self._path.with_name(f"{self._path.name}.torn").open("ab") as aside:
                aside.write(torn + b"\n")
                aside.flush()
                os.fsync(aside.fileno())
            os.ftruncate(descriptor, end)
        return end


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_from(descriptor: int, offset: int) -> bytes:
    blocks = []
    while block := os.pread(descriptor, _BLOCK, offset):
        blocks.append(block)
        offset += len(block)
    return b"".join(blocks)


def _write(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _end_of_lines(descriptor: int, size: int) -> int:
    """Return the place behind the last line feed."""
    while size:
        first = max(0, size - _BLOCK)
        found = os.pread(descriptor, size - first, first).rfind(b"\n")
        if found >= 0:
            return first + found + 1
        size = first
    return 0


def _unspell(line: bytes) -> bytes:
    """Return a line's record; a damaged line as it is: the digest in a record tells."""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        return line


class FileJournalMaker:
    """See `aura_stream.ports.JournalMaker`."""

    options: ClassVar[type[BaseModel]] = FilesJournalOptions
    beside: ClassVar[str] = "files"

    def options_beside(self, connection: Any, namespace: str) -> FilesJournalOptions:
        """Return the options of a journal in the folder of this input or output.

        In the folder, not under the file's own name: all bridges of a namespace share one journal, whatever they
        read and write there, and a reader of the frames finds it.
        """
        match connection:
            case FilesSourceOptions():
                folder = connection.paths[0].parent
            case FilesSinkOptions():
                folder = Path(connection.path).parent
                while _SOURCE in str(folder):
                    folder = folder.parent
        return FilesJournalOptions(path=folder / f"aura-journal-{namespace}")

    def journal(self, options: FilesJournalOptions, namespace: str) -> Journal:
        """Build a journal; its file is opened at each call."""
        return FileJournal(options, namespace)


maker: JournalMaker = FileJournalMaker()
