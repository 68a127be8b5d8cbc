"""What an import found in a file, before it is decided what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from aura_stream.codec import Template


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry of a file: its name there, and its template, or why there is none."""

    name: str
    template: Template | None = None
    problem: str = ""
