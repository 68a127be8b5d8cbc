"""The check of a frame: the low bytes of the decoded message's CRC-32 (ISO-HDLC, as zlib computes it)."""

from __future__ import annotations

import zlib
from collections.abc import Callable

_ONE = [bytes((value,)) for value in range(256)]


def checker(size: int) -> Callable[[bytes], bytes]:
    """Return the function that makes a message's check of `size` bytes."""
    crc32 = zlib.crc32
    if size == 1:
        return lambda message: _ONE[crc32(message) & 255]
    mask = (1 << 8 * size) - 1
    return lambda message: (crc32(message) & mask).to_bytes(size, "big")
