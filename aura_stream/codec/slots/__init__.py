"""Typed slots: how a value's text becomes its payload, and back. types.py has the table of them all."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from aura_stream.codec.slots import context, numbers, packed, values
from aura_stream.codec.slots.numbers import digits_size
from aura_stream.codec.slots.packed import base36_size, packed_size
from aura_stream.codec.slots.types import (
    BASE36,
    BASE64,
    BASE64URL,
    DECIMAL,
    DIGITS,
    ENUM,
    HEX_LOWER,
    HEX_UPPER,
    INT,
    IPV4,
    MAX_BASE36,
    MAX_DIGITS,
    MAX_FIXED_PACKED,
    MAX_PARAMETER,
    MAX_REPEAT,
    REPEAT,
    TEXT,
    TIME,
    UUID,
    Reader,
    SlotType,
    Trail,
    Writer,
    is_valid,
    kind_of,
    parameter_of,
    slot_type,
)

_WRITERS: Final[dict[int, Callable[[int], Writer]]] = {
    **numbers.WRITERS,
    **packed.WRITERS,
    **values.WRITERS,
    **context.WRITERS,
}
_READERS: Final[dict[int, Callable[[int], Reader]]] = {
    **numbers.READERS,
    **packed.READERS,
    **values.READERS,
    **context.READERS,
}


@cache  # one per slot type, of which there are a few thousand at most
def writer(slot: SlotType) -> Writer:
    """Return the function that makes a text the payload of this slot type, or None where it does not fit."""
    return _WRITERS[kind_of(slot)](parameter_of(slot))


@cache
def reader(slot: SlotType) -> Reader:
    """Return the function that reads a payload back; IndexError or ValueError mean a damaged frame."""
    return _READERS[kind_of(slot)](parameter_of(slot))


__all__ = [
    "BASE36",
    "BASE64",
    "BASE64URL",
    "DECIMAL",
    "DIGITS",
    "ENUM",
    "HEX_LOWER",
    "HEX_UPPER",
    "INT",
    "IPV4",
    "MAX_BASE36",
    "MAX_DIGITS",
    "MAX_FIXED_PACKED",
    "MAX_PARAMETER",
    "MAX_REPEAT",
    "REPEAT",
    "TEXT",
    "TIME",
    "UUID",
    "Reader",
    "SlotType",
    "Trail",
    "Writer",
    "base36_size",
    "digits_size",
    "is_valid",
    "kind_of",
    "packed_size",
    "parameter_of",
    "reader",
    "slot_type",
    "writer",
]
