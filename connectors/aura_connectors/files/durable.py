"""What positions rest on: files that are files, and small ones that survive a crash as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aura_stream.errors import ConfigError


def replace_durably(path: Path, content: bytes) -> None:
    """Write the file so that it, and its name, are on the disk when this returns. Raises OSError."""
    partial = path.with_name(f"{path.name}.new")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: without it a renamed or created file may be gone after a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_regular(descriptor: int, path: Path) -> None:
    """Raise ConfigError for a folder, a pipe or a device: positions mean nothing there."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise ConfigError(f"{path} is not a regular file")
