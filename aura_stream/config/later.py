"""Keys that the configuration language has, and this version does not: refused, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aura_stream.config.document import Document, Path, dotted

LATER: Mapping[Path, str] = MappingProxyType(
    {
        ("http",): "this version serves nothing; for a health check see heartbeat",
        ("telemetry",): "this version sends no telemetry",
    }
)
"""Path → what there is instead."""


def not_built_yet(document: Document) -> list[str]:
    """Return a line for each key of a part that this version does not have."""
    return [
        f"{document.place(path)}: {dotted(path)} is not built yet; {instead}"
        for path, instead in LATER.items()
        if _has(document, path)
    ]


def without_later(document: Document) -> None:
    """Take the refused keys out, so that each is named once."""
    for path in LATER:
        if _has(document, path):
            around: dict[Any, Any] = document.get(path[:-1]) if path[:-1] else document.values
            del around[path[-1]]


def _has(document: Document, path: Path) -> bool:
    around = document.get(path[:-1]) if path[:-1] else document.values
    return isinstance(around, dict) and path[-1] in around
