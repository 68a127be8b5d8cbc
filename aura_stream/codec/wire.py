"""Wire format v1: the numbers that frames are made of. docs/wire-format.md draws every byte.

frame    = b""                                  the empty message (books with raw: plain)
         | message                              raw: the first byte is no marker
         | C1 message                           raw behind an escape
         | 82+g items check                     template, generation g in 0..22
         | 99+g zstd  check                     zstd with the dictionary of generation g
         | FD zstd check | FC brotli check
         | FE method generation:leb128 body check     template or dictionary from generation 23 on
"""

from __future__ import annotations

from typing import Final

FORMAT: Final = 1

ESCAPE: Final = 0xC1
NEVER_ASSIGNED: Final = frozenset({0xC0, 0x81})  # one bit away from the escape
TEMPLATE_BASE: Final = 0x82
DICTIONARY_BASE: Final = 0x99
SHORT_GENERATIONS: Final = 23
BROTLI: Final = 0xFC
ZSTD: Final = 0xFD
EXTENSION: Final = 0xFE
EXTENSION_TEMPLATE: Final = 0x01
EXTENSION_DICTIONARY: Final = 0x02

# Bytes that never begin valid UTF-8 (RFC 3629, section 3): only these can mark a frame.
MARKERS: Final = frozenset([*range(0x80, 0xC2), *range(0xF5, 0x100)])

ONE_BYTE_CODES: Final = 192
TWO_BYTE_LEADS: Final = 48
TWO_BYTE_CODES: Final = ONE_BYTE_CODES + TWO_BYTE_LEADS * 256  # 12,480
THREE_BYTE_LEADS: Final = 8
MAX_TEMPLATES: Final = TWO_BYTE_CODES + THREE_BYTE_LEADS * 65536
TWO_BYTE_LEAD: Final = 0xC0
THREE_BYTE_LEAD: Final = 0xF0
LITERAL: Final = 0xF8  # length, bytes
COPY: Final = 0xF9  # distance, length: bytes of the message that came before
REPEAT: Final = 0xFA  # distance in slots: the text of an earlier slot
BARE: Final = 0xFB  # slot kind, parameter, payload: a slot outside of any template

MAX_MESSAGE: Final = 64 << 20
MAX_TEMPLATE_MESSAGE: Final = 32 << 10
MIN_COPY: Final = 4


def template_code(number: int) -> bytes:
    """Return the code of a template number: 1 byte to 191, 2 to 12,479, 3 beyond."""
    if number < ONE_BYTE_CODES:
        return bytes((number,))
    if number < TWO_BYTE_CODES:
        high, low = divmod(number - ONE_BYTE_CODES, 256)
        return bytes((TWO_BYTE_LEAD + high, low))
    rest = number - TWO_BYTE_CODES
    return bytes((THREE_BYTE_LEAD + (rest >> 16), rest >> 8 & 255, rest & 255))


# Compact numbers: the first byte tells the length, ranges do not overlap, so each value has one spelling.
# bytes   lead      holds
#   1     00..BF    0 .. 191
#   2     C0..DF    + 13 bits
#   3     E0..EF    + 20 bits
#   4     F0..F7    + 27 bits
#   5     F8..FB    + 34 bits
#   6..9  FC..FF    40, 48, 56, 64 bits, as they are
_C2: Final = 192
_C3: Final = _C2 + (1 << 13)
_C4: Final = _C3 + (1 << 20)
_C5: Final = _C4 + (1 << 27)
COMPACT_5_END: Final = _C5 + (1 << 34)
MAX_COMPACT: Final = (1 << 64) - 1
_ONE: Final = [bytes((value,)) for value in range(192)]


def compact(value: int) -> bytes:
    """Return `value` (0 .. 2^64-1) as a compact number of 1 to 9 bytes."""
    if value < _C2:
        return _ONE[value]
    if value < _C3:
        return (0xC000 + value - _C2).to_bytes(2, "big")
    if value < _C4:
        return (0xE00000 + value - _C3).to_bytes(3, "big")
    if value < _C5:
        return (0xF0000000 + value - _C4).to_bytes(4, "big")
    if value < COMPACT_5_END:
        return (0xF800000000 + value - _C5).to_bytes(5, "big")
    size = max(5, (value.bit_length() + 7) // 8)
    return bytes((0xF7 + size,)) + value.to_bytes(size, "big")


def compact_size(value: int) -> int:
    """Return how many bytes `compact` takes for a value."""
    if value < _C2:
        return 1
    if value < _C3:
        return 2
    if value < _C4:
        return 3
    if value < _C5:
        return 4
    if value < COMPACT_5_END:
        return 5
    return 1 + max(5, (value.bit_length() + 7) // 8)


def read_compact(frame: bytes, at: int) -> tuple[int, int]:
    """Return a compact number and the place behind it. Raises IndexError past the end of the frame."""
    lead = frame[at]
    if lead < 0xC0:
        return lead, at + 1
    if lead < 0xE0:
        return (lead - 0xC0 << 8 | frame[at + 1]) + _C2, at + 2
    if lead < 0xF0:
        return (lead - 0xE0 << 16 | frame[at + 1] << 8 | frame[at + 2]) + _C3, at + 3
    size = 3 if lead < 0xF8 else 4 if lead < 0xFC else lead - 0xF7
    end = at + 1 + size
    if end > len(frame):
        raise IndexError("number past the end of the frame")
    value = int.from_bytes(frame[at + 1 : end], "big")
    if lead < 0xF8:
        return (lead - 0xF0 << 24 | value) + _C4, end
    if lead < 0xFC:
        return (lead - 0xF8 << 32 | value) + _C5, end
    return value, end


def zigzag(value: int) -> int:
    """Fold a signed number into an unsigned one: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(value: int) -> int:
    """Undo `zigzag`."""
    return value >> 1 if value & 1 == 0 else -(value + 1 >> 1)
