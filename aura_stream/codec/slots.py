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

import binascii
from collections.abc import Callable
from functools import cache
from typing import Final

from aura_stream.codec import times
from aura_stream.codec.wire import MAX_COMPACT, compact, read_compact, unzigzag, zigzag

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


Writer = Callable[[bytes, Trail], bytes | None]
Reader = Callable[[bytes, int, Trail], tuple[bytes, int]]


def is_valid(slot: SlotType) -> bool:
    """Tell whether a slot type exists in this format version. ENUM is a template's own and not in here."""
    kind, parameter = kind_of(slot), parameter_of(slot)
    if kind in (INT, IPV4, TEXT):
        return parameter == 0
    if kind == TIME:
        return parameter >> 4 in times.FORMATS and parameter & 15 <= times.MAX_FRACTION
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


@cache  # one per slot type, of which there are a few thousand at most
def writer(slot: SlotType) -> Writer:
    """Return the function that makes a text the payload of this slot type, or None where it does not fit."""
    return _WRITERS[kind_of(slot)](parameter_of(slot))


@cache
def reader(slot: SlotType) -> Reader:
    """Return the function that reads a payload back; IndexError or ValueError mean a damaged frame."""
    return _READERS[kind_of(slot)](parameter_of(slot))


def _take(frame: bytes, at: int, size: int) -> bytes:
    piece = frame[at : at + size]
    if len(piece) != size:
        raise IndexError("payload past the end of the frame")
    return piece


# --- whole numbers ---------------------------------------------------------------------------------------------

_SMALL_TEXTS: Final = [b"%d" % value for value in range(1000)]
_SMALL_INTS: Final = {text: compact(value) for value, text in enumerate(_SMALL_TEXTS)}


def _int_writer(_: int) -> Writer:
    small = _SMALL_INTS.get

    def write(text: bytes, _: Trail) -> bytes | None:
        known = small(text)
        if known is not None:
            return known
        if not text.isdigit() or text[0] == 48 or len(text) > 20:
            return None
        value = int(text)
        return compact(value) if value <= MAX_COMPACT else None

    return write


def _int_reader(_: int) -> Reader:
    def read(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        lead = frame[at]
        if lead < 192:
            return _SMALL_TEXTS[lead], at + 1
        value, at = read_compact(frame, at)
        return b"%d" % value, at

    return read


def digits_size(digits: int) -> int:
    """Return how many bytes a number of so many digits takes."""
    return (int(10**digits - 1).bit_length() + 7) // 8


def _digits_writer(digits: int) -> Writer:
    size = digits_size(digits)

    def write(text: bytes, _: Trail) -> bytes | None:
        if len(text) != digits or not text.isdigit():
            return None
        return int(text).to_bytes(size, "big")

    return write


def _digits_reader(digits: int) -> Reader:
    size = digits_size(digits)
    limit = 10**digits

    def read(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        end = at + size
        value = int.from_bytes(frame[at:end], "big")
        if end > len(frame) or value >= limit:
            raise ValueError("digits out of range")
        return b"%0*d" % (digits, value), end

    return read


# --- decimals --------------------------------------------------------------------------------------------------


def _scaled(text: bytes, scale: int) -> int | None:
    """Return all digits of a canonical decimal with so many fractional ones as one number."""
    whole, point, part = text.partition(b".")
    if not point or len(part) != scale or not (whole + part).isdigit() or not whole:
        return None
    if whole[0] == 48 and len(whole) > 1:
        return None
    value = int(whole + part)
    return value if value <= MAX_COMPACT else None


def _unscaled(value: int, scale: int) -> bytes:
    whole, part = divmod(value, 10**scale)
    return b"%d.%0*d" % (whole, scale, part)


def _decimal_writer(scale: int) -> Writer:
    def write_fixed(text: bytes, _: Trail) -> bytes | None:
        value = _scaled(text, scale)
        return None if value is None else compact(value)

    def write_any(text: bytes, _: Trail) -> bytes | None:
        scale = len(text) - text.find(b".") - 1
        value = _scaled(text, scale) if 1 <= scale <= MAX_SCALE else None
        return None if value is None else bytes((scale,)) + compact(value)

    return write_fixed if scale else write_any


def _decimal_reader(scale: int) -> Reader:
    def read_fixed(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        value, at = read_compact(frame, at)
        return _unscaled(value, scale), at

    def read_any(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        own_scale = frame[at]
        if not 1 <= own_scale <= MAX_SCALE:
            raise ValueError("scale out of range")
        value, at = read_compact(frame, at + 1)
        return _unscaled(value, own_scale), at

    return read_fixed if scale else read_any


# --- packed characters: hex, base64, base36 --------------------------------------------------------------------


def _pack_hex(text: bytes) -> bytes:
    return bytes.fromhex((text + b"0" if len(text) & 1 else text).decode("ascii"))


def _unpack_hex_lower(packed: bytes, length: int) -> bytes:
    return packed.hex().encode("ascii")[:length]


def _unpack_hex_upper(packed: bytes, length: int) -> bytes:
    return packed.hex().upper().encode("ascii")[:length]


def _pack_base64(text: bytes) -> bytes:
    short = -len(text) % 4
    # One character alone is padded to two before "==": base64 cannot carry 6 bits by themselves.
    return binascii.a2b_base64(text + b"A=="[: short if short < 3 else 3] if short else text)[
        : packed_size(len(text), 6)
    ]


def packed_size(length: int, bits: int) -> int:
    """Return how many bytes so many characters of so many bits take."""
    return (length * bits + 7) // 8


def _unpack_base64(packed: bytes, length: int) -> bytes:
    return binascii.b2a_base64(packed + b"\0\0", newline=False)[:length]


_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")


def _pack_base64url(text: bytes) -> bytes:
    return _pack_base64(text.translate(_TO_STANDARD))


def _unpack_base64url(packed: bytes, length: int) -> bytes:
    return _unpack_base64(packed, length).translate(_TO_URL)


_Packing = tuple[bytes, int, Callable[[bytes], bytes], Callable[[bytes, int], bytes]]
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_PACKINGS: Final[dict[int, _Packing]] = {  # alphabet, bits, pack, unpack
    HEX_LOWER: (b"0123456789abcdef", 4, _pack_hex, _unpack_hex_lower),
    HEX_UPPER: (b"0123456789ABCDEF", 4, _pack_hex, _unpack_hex_upper),
    BASE64: (_LETTERS + b"+/", 6, _pack_base64, _unpack_base64),
    BASE64URL: (_LETTERS + b"-_", 6, _pack_base64url, _unpack_base64url),
}


def _packed_writer(kind: int, length: int) -> Writer:
    alphabet, _, pack, _ = _PACKINGS[kind]

    def write_fixed(text: bytes, _: Trail) -> bytes | None:
        return None if len(text) != length or text.translate(None, alphabet) else pack(text)

    def write_any(text: bytes, _: Trail) -> bytes | None:
        return None if not text or text.translate(None, alphabet) else compact(len(text)) + pack(text)

    return write_fixed if length else write_any


def _packed_reader(kind: int, length: int) -> Reader:
    _, bits, _, unpack = _PACKINGS[kind]
    size = packed_size(length, bits)

    def read_fixed(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        return unpack(_take(frame, at, size), length), at + size

    def read_any(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        own_length, at = read_compact(frame, at)
        own_size = packed_size(own_length, bits)
        return unpack(_take(frame, at, own_size), own_length), at + own_size

    return read_fixed if length else read_any


_BASE36: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def base36_size(length: int) -> int:
    """Return how many bytes so many base36 characters take."""
    return (int(36**length - 1).bit_length() + 7) // 8


def _base36_writer(length: int) -> Writer:
    size = base36_size(length)

    def write(text: bytes, _: Trail) -> bytes | None:
        if len(text) != length or text.translate(None, _BASE36):
            return None
        return int(text, 36).to_bytes(size, "big")

    return write


def _base36_reader(length: int) -> Reader:
    size = base36_size(length)

    def read(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        value = int.from_bytes(_take(frame, at, size), "big")
        out = bytearray(length)
        for place in range(length - 1, -1, -1):
            value, digit = divmod(value, 36)
            out[place] = _BASE36[digit]
        if value:
            raise ValueError("base36 out of range")
        return bytes(out), at + size

    return read


# --- identifiers, addresses, text ------------------------------------------------------------------------------

_HYPHENS: Final = (8, 13, 18, 23)


def _uuid_writer(upper: int) -> Writer:
    alphabet = _PACKINGS[HEX_UPPER if upper else HEX_LOWER][0]

    def write(text: bytes, _: Trail) -> bytes | None:
        digits = text.replace(b"-", b"")
        if len(text) != 36 or len(digits) != 32 or digits.translate(None, alphabet):
            return None
        return _pack_hex(digits) if all(text[place] == 45 for place in _HYPHENS) else None

    return write


def _uuid_reader(upper: int) -> Reader:
    unpack = _PACKINGS[HEX_UPPER if upper else HEX_LOWER][3]

    def read(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        text = unpack(_take(frame, at, 16), 32)
        return b"-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])), at + 16

    return read


_OCTETS: Final = {b"%d" % value: value for value in range(256)}


def _ipv4_writer(_: int) -> Writer:
    octet = _OCTETS.get

    def write(text: bytes, _: Trail) -> bytes | None:
        values = [octet(part) for part in text.split(b".")]
        return (
            bytes(value for value in values if value is not None) if len(values) == 4 and None not in values else None
        )

    return write


def _ipv4_reader(_: int) -> Reader:
    def read(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        return b"%d.%d.%d.%d" % tuple(_take(frame, at, 4)), at + 4

    return read


def _text_writer(_: int) -> Writer:
    def write(text: bytes, _: Trail) -> bytes | None:
        return compact(len(text)) + text

    return write


def _text_reader(_: int) -> Reader:
    def read(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        length, at = read_compact(frame, at)
        return _take(frame, at, length), at + length

    return read


# --- what depends on the frame so far --------------------------------------------------------------------------


def _time_writer(parameter: int) -> Writer:
    form, fraction = parameter >> 4, parameter & 15
    absolute, unit = times.is_absolute(form), times.unit(form, fraction)

    def write(text: bytes, trail: Trail) -> bytes | None:
        value = times.read(form, fraction, text)
        if value is None:
            return None
        distance = zigzag(value - (trail.moment // unit if absolute else times.base(form, fraction, trail.moment)))
        if distance > MAX_COMPACT:
            return None
        if absolute:
            trail.moment = value * unit
        return compact(distance)

    return write


def _time_reader(parameter: int) -> Reader:
    form, fraction = parameter >> 4, parameter & 15
    absolute, unit = times.is_absolute(form), times.unit(form, fraction)

    def read(frame: bytes, at: int, trail: Trail) -> tuple[bytes, int]:
        distance, at = read_compact(frame, at)
        value = unzigzag(distance) + (trail.moment // unit if absolute else times.base(form, fraction, trail.moment))
        text = times.show(form, fraction, value)
        if absolute:
            trail.moment = value * unit
        return text, at

    return read


def _repeat_writer(fixed: int) -> Writer:
    def write_fixed(text: bytes, trail: Trail) -> bytes | None:
        texts = trail.texts
        return b"" if len(texts) >= fixed and texts[-fixed] == text else None

    def write_any(text: bytes, trail: Trail) -> bytes | None:
        texts = trail.texts
        for back in range(1, min(len(texts), MAX_REPEAT) + 1):
            if texts[-back] == text:
                return bytes((back,))
        return None

    return write_fixed if fixed else write_any


def _repeat_reader(fixed: int) -> Reader:
    def read_fixed(_: bytes, at: int, trail: Trail) -> tuple[bytes, int]:
        return trail.texts[-fixed], at

    def read_any(frame: bytes, at: int, trail: Trail) -> tuple[bytes, int]:
        back = frame[at]
        if not back:
            raise ValueError("a repeat of itself")
        return trail.texts[-back], at + 1

    return read_fixed if fixed else read_any


_WRITERS: Final[dict[int, Callable[[int], Writer]]] = {
    INT: _int_writer,
    DIGITS: _digits_writer,
    DECIMAL: _decimal_writer,
    UUID: _uuid_writer,
    IPV4: _ipv4_writer,
    TIME: _time_writer,
    TEXT: _text_writer,
    BASE36: _base36_writer,
    REPEAT: _repeat_writer,
    **{kind: (lambda length, kind=kind: _packed_writer(kind, length)) for kind in _PACKINGS},  # type: ignore[misc]
}
_READERS: Final[dict[int, Callable[[int], Reader]]] = {
    INT: _int_reader,
    DIGITS: _digits_reader,
    DECIMAL: _decimal_reader,
    UUID: _uuid_reader,
    IPV4: _ipv4_reader,
    TIME: _time_reader,
    TEXT: _text_reader,
    BASE36: _base36_reader,
    REPEAT: _repeat_reader,
    **{kind: (lambda length, kind=kind: _packed_reader(kind, length)) for kind in _PACKINGS},  # type: ignore[misc]
}
