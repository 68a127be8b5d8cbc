"""Slots that hold addresses and text: IPV4, TEXT."""

from __future__ import annotations

from typing import Final

from aura_stream.codec.slots.types import IPV4, TEXT, Reader, Trail, Writer, take
from aura_stream.codec.wire import compact, read_compact

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
        return b"%d.%d.%d.%d" % tuple(take(frame, at, 4)), at + 4

    return read


def _text_writer(_: int) -> Writer:
    def write(text: bytes, _: Trail) -> bytes | None:
        return compact(len(text)) + text

    return write


def _text_reader(_: int) -> Reader:
    def read(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        length, at = read_compact(frame, at)
        return take(frame, at, length), at + length

    return read


WRITERS: Final = {IPV4: _ipv4_writer, TEXT: _text_writer}
READERS: Final = {IPV4: _ipv4_reader, TEXT: _text_reader}
