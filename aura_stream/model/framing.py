"""How messages and frames lie in a file: `lines`, or `varint` (unsigned LEB128 length, then the bytes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Final, Protocol

from aura_stream.errors import UnwritableMessageError

MAX_ITEM: Final = 256 << 20  # bytes; four times the largest message of the codec: beyond it can only be damage
_MAX_LENGTH_BYTES: Final = 5  # of a length up to MAX_ITEM, and one to spare


class DamagedFileError(Exception):
    """What stands at this offset of the buffer is no item."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Items:
    """Whole items found in a buffer, and for each the offset right behind it."""

    values: list[bytes]
    ends: list[int]


class Split(Protocol):
    """Finds whole items from `start` on: at most `max_items`, of at most `max_bytes` (one always fits)."""

    def __call__(self, buffer: bytes, start: int, max_items: int, max_bytes: int) -> Items: ...


def split_lines(buffer: bytes, start: int, max_items: int, max_bytes: int) -> Items:
    """Split at LF; CR stays, an empty line is an empty message."""
    values: list[bytes] = []
    ends: list[int] = []
    while len(values) < max_items and (end := buffer.find(b"\n", start)) >= 0:
        max_bytes -= end - start
        if max_bytes < 0 and values:
            break
        values.append(buffer[start:end])
        start = end + 1
        ends.append(start)
    return Items(values, ends)


def split_varint(buffer: bytes, start: int, max_items: int, max_bytes: int) -> Items:
    """Split at the lengths. Raises DamagedFileError for a length that cannot be."""
    values: list[bytes] = []
    ends: list[int] = []
    while len(values) < max_items:
        body, length = _length_at(buffer, start)
        max_bytes -= length
        if body + length > len(buffer) or body == start or (max_bytes < 0 and values):
            break
        values.append(buffer[body : body + length])
        start = body + length
        ends.append(start)
    return Items(values, ends)


def leb128(value: int) -> bytes:
    """Spell an unsigned LEB128 number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _length_at(buffer: bytes, start: int) -> tuple[int, int]:
    """Return where the item at `start` begins behind its length, and the length; `start` itself if that is cut off."""
    length = 0
    for at in range(start, min(start + _MAX_LENGTH_BYTES, len(buffer))):
        byte = buffer[at]
        length |= (byte & 0x7F) << 7 * (at - start)
        if length > MAX_ITEM:
            break
        if byte < 0x80:
            return at + 1, length
    else:
        if len(buffer) - start < _MAX_LENGTH_BYTES:
            return start, 0
    raise DamagedFileError(f"an item of more than {MAX_ITEM} bytes", start)


def join_lines(values: Sequence[bytes | None]) -> bytes:
    """End each message with LF. Raises UnwritableMessageError for one that holds a LF, and for a null."""
    for index, value in enumerate(values):
        if value is None:
            raise UnwritableMessageError("a null message has no line", index)
        if b"\n" in value:
            raise UnwritableMessageError("the message holds a line feed: write it with framing: varint", index)
    return b"".join(chain.from_iterable((value or b"", b"\n") for value in values))


def join_varint(values: Sequence[bytes | None]) -> bytes:
    """Put its length before each item. Raises UnwritableMessageError for a null."""
    pieces: list[bytes] = []
    for index, value in enumerate(values):
        if value is None:
            raise UnwritableMessageError("a file cannot hold a null message", index)
        pieces += (leb128(len(value)), value)
    return b"".join(pieces)


SPLITS: Mapping[str, Split] = MappingProxyType({"lines": split_lines, "varint": split_varint})
JOINS: Mapping[str, Callable[[Sequence[bytes | None]], bytes]] = MappingProxyType(
    {"lines": join_lines, "varint": join_varint}
)
