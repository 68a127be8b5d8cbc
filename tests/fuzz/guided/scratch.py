"""Input for what reads files, and parts of an input for what takes several values."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

_MEMORY = Path("/dev/shm")


class Scratch:
    """A file in memory where there is such a disk, written anew for each input."""

    def __init__(self) -> None:
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="aura-fuzz-", dir=parent))
        atexit.register(rmtree, self._folder, ignore_errors=True)

    def holding(self, data: bytes) -> Path:
        """Return the file, with this content."""
        path = self._folder / "file"
        path.write_bytes(data)
        return path


def parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut an input into pairs of a number (0..255) and bytes: number, length in two bytes, bytes."""
    at = 0
    while at + 3 <= len(data):
        end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
        yield data[at], data[at + 3 : end]
        at = end


def joined(*pairs: tuple[int, bytes]) -> bytes:
    """Put pairs together, so that `parts` gives them back."""
    return b"".join(bytes((number,)) + len(piece).to_bytes(2, "big") + piece for number, piece in pairs)
