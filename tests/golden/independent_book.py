"""Codebook files, read from docs/wire-format.md alone: the first half of the independent decoder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import msgpack

ENUM = 14  # the one kind of slot that is written in another way


class BadFrame(ValueError):  # noqa: N818  a decision, not a programming error
    """What the document calls an error, in a frame or in a codebook file."""


def refuse(reason: str) -> NoReturn:
    raise BadFrame(reason)


@dataclass(frozen=True, slots=True)
class Slot:
    kind: int
    parameter: int = 0
    values: tuple[bytes, ...] = ()  # of an enum


@dataclass(frozen=True, slots=True)
class Generation:
    birth: int  # seconds since 1970
    templates: tuple[tuple[bytes | Slot, ...], ...]
    dictionary: bytes  # empty: none


@dataclass(frozen=True, slots=True)
class Book:
    check_bytes: int
    marked: bool
    generations: tuple[Generation, ...]


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def read_template(items: list[Any]) -> tuple[bytes | Slot, ...]:
    symbols = tuple(read_symbol(item) for item in items)
    if not 1 <= len(symbols) <= 64 or sum(len(symbol) for symbol in symbols if isinstance(symbol, bytes)) > 1000:
        refuse("template")
    return symbols


def read_symbol(item: Any) -> bytes | Slot:
    if isinstance(item, bytes):
        return item or refuse("empty literal")
    kind, parameter = item
    if kind != ENUM:
        return Slot(kind, parameter)
    if not 2 <= len(parameter) <= 255 or not all(parameter) or sum(map(len, parameter)) > 1000:
        refuse("enum")
    return Slot(ENUM, 0, tuple(parameter))


def values_with_ends(data: bytes) -> Iterator[tuple[Any, int]]:
    """Each msgpack value of the file, with the offset behind it."""
    unpacker = msgpack.Unpacker(max_buffer_size=len(data) or 1, use_list=True)
    unpacker.feed(data)
    for value in unpacker:
        yield value, unpacker.tell()


def read_book(path: Path) -> Book:
    """The codebook in the file; BadFrame where it is damaged or cut off."""
    return parse_book(path.read_bytes())


def parse_book(data: bytes) -> Book:
    try:
        return read_records(data)
    except (TypeError, ValueError, KeyError, msgpack.UnpackException) as exc:
        raise BadFrame("not a codebook file") from exc


def read_records(data: bytes) -> Book:
    records = values_with_ends(data)
    (magic, version, check_bytes, raw), before = next(records, ((None, 0, 0, ""), 0))
    if magic != "aura-codebook" or version != 1 or check_bytes not in (0, 1, 2, 4) or raw not in ("plain", "marked"):
        refuse("header")
    bodies: dict[tuple[str, bytes], bytes] = {}
    generations: list[Generation] = []
    for count, ((tag, first, second), behind) in enumerate(records):
        if tag == "end":
            if first != count or second != digest(data[:before]) or behind != len(data):
                refuse("end")
            return Book(check_bytes, raw == "marked", tuple(generations))
        if tag not in ("template", "dictionary", "generation", "retired") or digest(second) != first:
            refuse("record")
        if tag == "retired" and (not second or len(second) % 16):
            refuse("retired")
        if tag == "generation":
            generations.append(read_generation(second, bodies))
        bodies[tag, first] = second
        before = behind
    refuse("no end")


def read_generation(body: bytes, bodies: dict[tuple[str, bytes], bytes]) -> Generation:
    birth, names, dictionary = msgpack.unpackb(body)
    templates = [msgpack.unpackb(bodies["template", name]) for name in names]
    symbols = tuple(read_template(template) for template in templates)
    if not 0 <= birth < 1 << 40:
        refuse("birth")
    return Generation(birth, symbols, bodies["dictionary", dictionary] if dictionary else b"")
