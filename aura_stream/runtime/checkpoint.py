"""Checkpoint: what discovery has learned so far, in a file. Losing it costs learning time, and nothing else.

    AURACKP1 | digest of what follows (16 bytes) | msgpack [templates left in the hour, seconds since the epoch, miner]

What the miner keeps is about messages, so the file is for its owner's eyes only.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgpack

from aura_stream.errors import ConfigError

MAGIC: Final = b"AURACKP1"
DIGEST_SIZE: Final = 16
MAX_SIZE: Final = 1 << 30  # bytes; far more than any memory a miner is given
MAX_PROCESSES: Final = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Saved:
    """What stands in a checkpoint."""

    left: float  # templates of the hourly budget
    at: float  # seconds since the epoch
    miner: bytes


class Checkpoint:
    """The first file, of PATH, PATH.1, PATH.2 …, that no other process holds. Without a path: nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._wanted = path
        self._path: Path | None = None
        self._lock = -1
        self._failed = False

    def open(self) -> Saved | None:
        """Take the file, and return what it holds; None if that is nothing usable. Raises ConfigError."""
        if self._wanted is None:
            return None
        try:
            self._path = self._take(self._wanted)
            return self._read(self._path)
        except OSError as error:
            raise ConfigError(f"discovery.checkpoint: {self._wanted}: {error.strerror}") from error

    def _read(self, path: Path) -> Saved | None:
        try:
            with path.open("rb") as file:
                return _parsed(file.read(MAX_SIZE))
        except FileNotFoundError:
            return None
        except (ValueError, msgpack.UnpackException) as error:
            log.warning("discovery.checkpoint: %s: learning begins anew: %s", path, error)
            return None

    def _take(self, wanted: Path) -> Path:
        wanted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for index in range(MAX_PROCESSES):
            path = wanted if not index else wanted.with_name(f"{wanted.name}.{index}")
            lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self._lock = lock
            return path
        raise ConfigError(f"discovery.checkpoint: {wanted}: {MAX_PROCESSES} processes have one here")

    def save(self, saved: Saved) -> None:
        """Replace the file; a disk that fails is told once."""
        if self._path is None:
            return
        body: bytes = msgpack.packb([saved.left, saved.at, saved.miner])
        temporary = self._path.with_name(f"{self._path.name}.new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(MAGIC + _digest(body) + body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            if not self._failed:
                log.warning("discovery.checkpoint: %s: %s", self._path, error.strerror)
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """Let another process take the file."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock, self._path = -1, None


def _parsed(data: bytes) -> Saved:
    """Raises ValueError for anything that was not written by `save`."""
    body = data[len(MAGIC) + DIGEST_SIZE :]
    if data[: len(MAGIC) + DIGEST_SIZE] != MAGIC + _digest(body):
        raise ValueError("damaged, or of another version")
    match msgpack.unpackb(body):
        case [float(left), float(at), bytes(miner)]:
            return Saved(left, at, miner)
    raise ValueError("of another version")


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_SIZE).digest()
