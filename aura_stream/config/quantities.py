"""Durations as `5s` and sizes as `1MiB`: types for the option models of the engine and of connectors."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
_QUANTITY: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]+)\s*")


def parse_duration(value: object) -> float:
    """Return seconds. Takes a text with a unit; a bare number is refused, for it could be seconds or milliseconds."""
    return _parse(value, _SECONDS, "a duration such as 500ms, 5s, 10m, 24h or 7d")


def parse_size(value: object) -> int:
    """Return bytes. Takes a text with a unit, or a whole number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return round(_parse(value, _BYTES, "a size such as 512KiB, 1MiB or 2GB"))


def _parse(value: object, units: dict[str, float] | dict[str, int], expected: str) -> float:
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    factor = units.get(match[2]) if match else None
    if match is None or factor is None:
        raise ValueError(f"expected {expected}")
    return float(match[1]) * factor


def format_duration(seconds: float) -> str:
    """Return the shortest text that `parse_duration` reads back."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds * 1000:g}ms"


def format_size(size: int) -> str:
    """Return the shortest text that `parse_size` reads back."""
    for unit in ("GiB", "MiB", "KiB"):
        if size >= _BYTES[unit] and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return str(size)


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(ge=0),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$", "examples": ["5s"]}),
]
"""Seconds, written with a unit."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Field(ge=0),
    PlainSerializer(format_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?(B|kB|KiB|MB|MiB|GB|GiB)$", "examples": ["1MiB"]},
            ]
        }
    ),
]
"""Bytes, written with a unit or as a whole number."""
