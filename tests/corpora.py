"""Real messages beside the project: read where they are there, never part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "corpora"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md") if FOLDER.is_dir() else []

pytestmark_corpora = [
    pytest.mark.corpora,
    pytest.mark.untraced,
    pytest.mark.skipif(not NAMES, reason="the folder ../shared/corpora is not there"),
]


def messages_of(name: str) -> list[bytes]:
    """Return the messages of one file: its lines."""
    lines = (FOLDER / name).read_bytes().split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def start_of(name: str, size: int) -> list[bytes]:
    """Return the first messages of a file, so many bytes of them and a quarter of the file at most."""
    messages = messages_of(name)
    taken: list[bytes] = []
    for message in messages[: max(1, len(messages) // 4)]:
        size -= len(message)
        if size < 0:
            break
        taken.append(message)
    return taken
