"""One output file, whole up to a length that is kept beside it as PATH.committed.

Whatever lies behind that length was never acknowledged: a crash left it there, perhaps torn. It is cut off at the
next start, and its messages come again, for their positions are not settled.
"""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from aura_connectors.files.durable import replace_durably, require_regular, sync_folder
from aura_stream.errors import ConfigError, UnavailableError

log = logging.getLogger(__name__)


def committed_path(path: Path) -> Path:
    """Return where the length is kept that an output file is whole up to."""
    return path.with_name(f"{path.name}.committed")


def load_committed(path: Path) -> int | None:
    """Return that length, None for a file that is no output of ours. Raises ConfigError if it cannot be told."""
    try:
        return int(committed_path(path).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(f"{committed_path(path)} holds no length; restore or remove {path}") from error


class FileWriter:
    """Appends durably. Holds a lock, so that there is one writer at a time. `key` is what names the file for a user."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key
        self._committed_path = committed_path(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            require_regular(self._descriptor, path)
            self._lock()
            self._committed = self._repair()
        except BaseException:
            self.close()
            raise

    def append(self, content: bytes) -> None:
        """Write at the end; when this returns, the content is on the disk and counts. Raises OSError if it does not."""
        if not content:
            return
        view, offset = memoryview(content), self._committed
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written
        os.fsync(self._descriptor)
        self._commit(offset)

    def close(self) -> None:
        """Give the lock back; may come twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnavailableError(f"{self._path} is being written by another process") from error

    def _repair(self) -> int:
        size = os.fstat(self._descriptor).st_size
        committed = load_committed(self._path)
        if committed is None or size == 0:
            if size:
                raise ConfigError(
                    f"{self._key}: {self._path} exists and was not written by this connector "
                    f"({self._committed_path.name} is missing); name another file"
                )
            self._commit(0)
            sync_folder(self._path.parent)
            return 0
        if size < committed:
            raise ConfigError(
                f"{self._key}: {self._path} is shorter than what was acknowledged ({committed} bytes); "
                "bring it back, or remove it to begin a new one"
            )
        if size > committed:
            log.warning("%s: %d bytes that were never acknowledged are cut off", self._path, size - committed)
            os.ftruncate(self._descriptor, committed)
        return committed

    def _commit(self, length: int) -> None:
        replace_durably(self._committed_path, b"%d\n" % length)
        self._committed = length
