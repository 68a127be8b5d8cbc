"""The check of a frame: the low bytes of the decoded message's CRC-32 (ISO-HDLC, as zlib computes it)."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from aura_stream.errors import CorruptFrameError

_ONE = [bytes((value,)) for value in range(256)]


def checker(size: int) -> Callable[[bytes], bytes]:
    """Return the function that makes a message's check of `size` bytes."""
    crc32 = zlib.crc32
    if size == 1:
        return lambda message: _ONE[crc32(message) & 255]
    mask = (1 << 8 * size) - 1
    return lambda message: (crc32(message) & mask).to_bytes(size, "big")


def verify(check: Callable[[bytes], bytes], message: bytes, stated: bytes) -> bytes:
    """Return the message if its check is the stated one. Raises CorruptFrameError otherwise."""
    if check(message) != stated:
        raise CorruptFrameError("damaged frame, or the wrong codebook: the check does not fit")
    return message
