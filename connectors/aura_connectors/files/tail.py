"""The last values of files, without a position of our own."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from aura_connectors.files.durable import require_regular
from aura_connectors.files.options import PLACEHOLDER, FilesSinkOptions, FilesSourceOptions
from aura_connectors.files.reader import BLOCK
from aura_stream.errors import ConfigError, MessageError
from aura_stream.model.framing import SPLITS, DamagedFileError


def read_tail(
    options: FilesSourceOptions | FilesSinkOptions, inputs: Sequence[str], limit: int
) -> dict[str, list[bytes]]:
    """See `aura_stream.ports.Tail`: frames, which in files are always varint. What is still being written is left."""
    if isinstance(options, FilesSourceOptions):
        paths = list(options.paths)
    else:
        paths = [Path(options.path.replace(PLACEHOLDER, name)) for name in inputs]
    return {str(path): _last(path, limit) for path in dict.fromkeys(paths) if path.exists()}


def _last(path: Path, limit: int) -> list[bytes]:
    """Return the last items: lengths stand before items, so a file can only be read from its beginning."""
    kept: deque[bytes] = deque(maxlen=limit)
    rest = b""
    number = 0
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            require_regular(file.fileno(), path)
            while block := file.read(BLOCK):
                rest += block
                items = SPLITS["varint"](rest, 0, sys.maxsize, sys.maxsize)
                kept += items.values
                number += len(items.values)
                rest = rest[items.ends[-1] :] if items.ends else rest
    except DamagedFileError as error:
        raise MessageError(f"{path}: behind frame {number}: {error}", path.name, number) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return list(kept)


def _without_waiting(path: str, flags: int) -> int:
    """Open so that a pipe does not hold us up."""
    return os.open(path, flags | os.O_NONBLOCK)
