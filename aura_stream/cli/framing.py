"""Reading files of messages and frames: chunks of about a mebibyte, so a file of any size takes bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from aura_stream.errors import CorruptFrameError, LimitExceededError
from aura_stream.model.framing import MAX_ITEM, SPLITS, DamagedFileError, Items

BLOCK = 1 << 20


class Readable(Protocol):
    """A binary stream that gives what is there, as sys.stdin.buffer and open files do."""

    def read1(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive messages (or frames): `first` is the number of the first one, `offsets` where each begins."""

    first: int
    offsets: Sequence[int]
    items: list[bytes]


def read_chunks(stream: Readable, framing: str, name: str) -> Iterator[Chunk]:
    """Split a stream into items; the last line may lack its LF.

    Raises CorruptFrameError for an end in the middle of an item, LimitExceededError for an item that is longer than
    any; both name the item's number and its byte offset.
    """
    number = base = 0
    buffer = b""
    while block := stream.read1(BLOCK):
        buffer += block
        found, damage = _split(buffer, framing)
        if found.values:
            yield Chunk(number, [base, *(base + end for end in found.ends[:-1])], found.values)
            number += len(found.values)
            base += found.ends[-1]
            buffer = buffer[found.ends[-1] :]
        if damage is not None or len(buffer) > MAX_ITEM + BLOCK:
            raise LimitExceededError(f"{_place(name, number, base)}: longer than {MAX_ITEM} bytes", number) from damage
    if buffer and framing != "lines":
        raise CorruptFrameError(
            f"{_place(name, number, base)} is torn: the file ends {len(buffer)} bytes into it", number
        )
    if buffer:
        yield Chunk(number, [base], [buffer])


def _split(buffer: bytes, framing: str) -> tuple[Items, DamagedFileError | None]:
    """Return the whole items of a buffer, up to the first one that cannot be, if there is one."""
    split = SPLITS[framing]
    try:
        return split(buffer, 0, sys.maxsize, sys.maxsize), None
    except DamagedFileError as error:
        return split(buffer[: error.offset], 0, sys.maxsize, sys.maxsize), error


def _place(name: str, number: int, offset: int) -> str:
    return f"{name}: number {number} at byte {offset}"
