"""Slots that hold numbers: INT, DIGITS, DECIMAL."""

from __future__ import annotations

from typing import Final

from aura_stream.codec.slots.types import DECIMAL, DIGITS, INT, MAX_SCALE, Reader, Trail, Writer
from aura_stream.codec.wire import MAX_COMPACT, compact, read_compact

_MAX_WHOLE: Final = 20  # digits: more are never below 2^64, and thousands Python refuses to read
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


def _scaled(text: bytes, scale: int) -> int | None:
    """Return all digits of a canonical decimal with so many fractional ones as one number."""
    whole, point, part = text.partition(b".")
    if not point or len(part) != scale or not (whole + part).isdigit() or not whole:
        return None
    if (whole[0] == 48 and len(whole) > 1) or len(whole) > _MAX_WHOLE:
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


WRITERS: Final = {INT: _int_writer, DIGITS: _digits_writer, DECIMAL: _decimal_writer}
READERS: Final = {INT: _int_reader, DIGITS: _digits_reader, DECIMAL: _decimal_reader}
