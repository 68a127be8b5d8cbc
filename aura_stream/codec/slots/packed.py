"""Slots that pack characters of a small alphabet: HEX, BASE64, BASE36, and UUID, which is hex with hyphens."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from functools import partial
from typing import Final

from aura_stream.codec.slots.types import (
    BASE36,
    BASE64,
    BASE64URL,
    HEX_LOWER,
    HEX_UPPER,
    UUID,
    Reader,
    Trail,
    Writer,
    take,
)
from aura_stream.codec.wire import compact, read_compact


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
        return unpack(take(frame, at, size), length), at + size

    def read_any(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        own_length, at = read_compact(frame, at)
        own_size = packed_size(own_length, bits)
        return unpack(take(frame, at, own_size), own_length), at + own_size

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
        value = int.from_bytes(take(frame, at, size), "big")
        out = bytearray(length)
        for place in range(length - 1, -1, -1):
            value, digit = divmod(value, 36)
            out[place] = _BASE36[digit]
        if value:
            raise ValueError("base36 out of range")
        return bytes(out), at + size

    return read


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
        text = unpack(take(frame, at, 16), 32)
        return b"-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])), at + 16

    return read


WRITERS: Final[dict[int, Callable[[int], Writer]]] = {
    UUID: _uuid_writer,
    BASE36: _base36_writer,
    **{kind: partial(_packed_writer, kind) for kind in _PACKINGS},
}
READERS: Final[dict[int, Callable[[int], Reader]]] = {
    UUID: _uuid_reader,
    BASE36: _base36_reader,
    **{kind: partial(_packed_reader, kind) for kind in _PACKINGS},
}
