"""How messages and frames lie in a file: `lines`, or `varint` (unsigned LEB128 length, then the bytes).

Readers yield chunks of about a mebibyte, so a file of any size passes through in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from aura_stream.codec.wire import leb128
from aura_stream.errors import CorruptFrameError, LimitExceededError, UnwritableMessageError

BLOCK = 1 << 20
MAX_ITEM = 256 << 20  # four times the codec's largest message: a longer length can only be damage, or not our file
_MAX_LENGTH_BYTES = 5  # what a varint up to MAX_ITEM needs, and one more


class Readable(Protocol):
    """A binary stream that gives what is there, as sys.stdin.buffer and open files do."""

    def read1(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive messages (or frames): `first` is the number of the first one, `offsets` where each begins."""

    first: int
    offsets: Sequence[int]
    items: list[bytes]


def read_lines(stream: Readable, name: str) -> Iterator[Chunk]:
    """Split at LF; CR stays, an empty line is an empty message, the last line may lack its LF.

    Raises LimitExceededError for a line longer than MAX_ITEM.
    """
    number = offset = held = 0
    pieces: list[bytes] = []
    while block := stream.read1(BLOCK):
        if b"\n" not in block:
            pieces.append(block)
            held += len(block)
            _check_size(held, number, offset, name, "line")
            continue
        *lines, rest = b"".join((*pieces, block)).split(b"\n")
        *offsets, end = accumulate((len(line) + 1 for line in lines), initial=offset)
        yield Chunk(number, offsets, lines)
        number += len(lines)
        offset, pieces, held = end, [rest], len(rest)
    if held:
        yield Chunk(number, [offset], [b"".join(pieces)])


def read_varint(stream: Readable, name: str) -> Iterator[Chunk]:
    """Split at the lengths.

    Raises CorruptFrameError for an end in the middle of an item, LimitExceededError for one beyond MAX_ITEM;
    both name the item's number and its byte offset.
    """
    number = base = 0
    data = bytearray()
    while block := stream.read1(BLOCK):
        data += block
        offsets, items, used = _whole_items(data, number, base, name)
        if items:
            yield Chunk(number, offsets, items)
            number += len(items)
            base += used
            del data[:used]
    if data:
        raise CorruptFrameError(
            f"{_place(name, number, base)} is torn: the file ends {len(data)} bytes into it", number
        )


def _whole_items(data: bytearray, number: int, base: int, name: str) -> tuple[list[int], list[bytes], int]:
    offsets: list[int] = []
    items: list[bytes] = []
    start = 0
    while (head := _length_at(data, start)) is not None:
        length, body = head
        _check_size(length, number + len(items), base + start, name, "item")
        if body + length > len(data):
            break
        offsets.append(base + start)
        items.append(bytes(data[body : body + length]))
        start = body + length
    return offsets, items, start


def _length_at(data: bytearray, start: int) -> tuple[int, int] | None:
    """Return the LEB128 length at `start` and where the bytes begin, None while the length itself is cut off."""
    length = 0
    for at in range(start, min(start + _MAX_LENGTH_BYTES, len(data))):
        byte = data[at]
        length |= (byte & 0x7F) << 7 * (at - start)
        if byte < 0x80:
            return length, at + 1
    return (MAX_ITEM + 1, start) if len(data) - start >= _MAX_LENGTH_BYTES else None


def _check_size(size: int, number: int, offset: int, name: str, what: str) -> None:
    if size > MAX_ITEM:
        raise LimitExceededError(f"{_place(name, number, offset)}: {what} longer than {MAX_ITEM} bytes", number)


def _place(name: str, number: int, offset: int) -> str:
    return f"{name}: number {number} at byte {offset}"


def join_lines(items: Sequence[bytes], first: int) -> bytes:
    """End each message with LF. Raises UnwritableMessageError for a message that holds one itself."""
    joined = b"\n".join(items) + b"\n" if items else b""
    if joined.count(b"\n") != len(items):
        index = next(index for index, item in enumerate(items) if b"\n" in item)
        raise UnwritableMessageError(
            f"message {first + index} holds a line feed; write it with --framing varint", index
        )
    return joined


def join_varint(items: Sequence[bytes], first: int) -> bytes:
    """Put its length before each item."""
    del first  # any bytes can be written, so no item is ever named
    return b"".join(piece for item in items for piece in (leb128(len(item)), item))


READERS: dict[str, Callable[[Readable, str], Iterator[Chunk]]] = {"lines": read_lines, "varint": read_varint}
WRITERS: dict[str, Callable[[Sequence[bytes], int], bytes]] = {"lines": join_lines, "varint": join_varint}
