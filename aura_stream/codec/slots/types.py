"""Typed slots: how a value's text becomes its payload, and back.

A slot type is one number, `kind << 16 | parameter`. A writer returns None for a text that its printer would not
give back byte for byte, so no slot is ever taken that does not restore the message. Kinds and parameters are
frozen: they stand in codebooks and frames.

    kind      parameter               text                       payload
    INT       0                       canonical, below 2^64      compact number
    DIGITS    digits 1..20            that many, zeros kept      just enough bytes, big endian
    DECIMAL   fractional digits 1..18 canonical whole part       compact number of all digits
    DECIMAL   0                       the same                   fractional digits: 1 byte, compact number
    HEX_LOWER digits, 0 = any         0-9a-f                     [length: compact,] packed nibbles, the last padded
    HEX_UPPER digits, 0 = any         0-9A-F                     the same
    UUID      0 lower, 1 upper        8-4-4-4-12                 16 bytes
    IPV4      0                       canonical dotted quad      4 bytes
    TIME      form << 4 | fraction    see times.py               compact number, zigzag distance to the base
    TEXT      0                       any                        length: compact, bytes
    BASE64    characters, 0 = any     A-Za-z0-9+/                [length: compact,] 6 bits each, the last padded
    BASE64URL characters, 0 = any     A-Za-z0-9-_                the same
    BASE36    characters 1..40        0-9A-Z                     just enough bytes, big endian
    REPEAT    0                       that of an earlier slot    how many slots back: 1 byte, 1..255
    REPEAT    1..255                  that of that earlier slot  nothing
    ENUM      index of a table        one of the template's      index: 1 byte
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aura_stream.codec import times

INT: Final = 1
DIGITS: Final = 2
DECIMAL: Final = 3
HEX_LOWER: Final = 4
HEX_UPPER: Final = 5
UUID: Final = 6
IPV4: Final = 7
TIME: Final = 8
TEXT: Final = 9
BASE64: Final = 10
BASE64URL: Final = 11
BASE36: Final = 12
REPEAT: Final = 13
ENUM: Final = 14

MAX_PARAMETER: Final = (1 << 16) - 1
MAX_DIGITS: Final = 20
MAX_SCALE: Final = 18
MAX_FIXED_PACKED: Final = 255
MAX_BASE36: Final = 40
MAX_REPEAT: Final = 255

SlotType = int


def slot_type(kind: int, parameter: int = 0) -> SlotType:
    """Return the number of a slot type."""
    return kind << 16 | parameter


def kind_of(slot: SlotType) -> int:
    """Return the kind of a slot type."""
    return slot >> 16


def parameter_of(slot: SlotType) -> int:
    """Return the parameter of a slot type."""
    return slot & MAX_PARAMETER


class Trail:
    """What a frame has spelled so far, as its later slots need it: the base of times, the texts of slots."""

    __slots__ = ("moment", "texts")

    def __init__(self, moment: int) -> None:
        self.moment = moment  # nanoseconds since the epoch: the generation's birth, then the last absolute time
        self.texts: list[bytes] = []


Writer = Callable[[bytes, Trail], bytes | None]  # a text's payload, None where it would not be given back the same
Reader = Callable[[bytes, int, Trail], tuple[bytes, int]]  # (frame, at) to (text, behind it)


def is_valid(slot: SlotType) -> bool:
    """Tell whether a slot type exists in this format version. ENUM is a template's own and not in here."""
    kind, parameter = kind_of(slot), parameter_of(slot)
    if kind in (INT, IPV4, TEXT):
        return parameter == 0
    if kind == TIME:
        return times.exists(parameter >> 4, parameter & 15)
    limits = _PARAMETER_RANGES.get(kind)
    return limits is not None and limits[0] <= parameter <= limits[1]


_PARAMETER_RANGES: Final = {
    DIGITS: (1, MAX_DIGITS),
    DECIMAL: (0, MAX_SCALE),
    HEX_LOWER: (0, MAX_FIXED_PACKED),
    HEX_UPPER: (0, MAX_FIXED_PACKED),
    UUID: (0, 1),
    BASE64: (0, MAX_FIXED_PACKED),
    BASE64URL: (0, MAX_FIXED_PACKED),
    BASE36: (1, MAX_BASE36),
    REPEAT: (0, MAX_REPEAT),
}


def take(frame: bytes, at: int, size: int) -> bytes:
    piece = frame[at : at + size]
    if len(piece) != size:
        raise IndexError("payload past the end of the frame")
    return piece
