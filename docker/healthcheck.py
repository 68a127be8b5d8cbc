"""Exit 0 while the worker is alive: its heartbeat file is younger than MAX_AGE seconds."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

MAX_AGE = 30.0  # it beats about each second, also while its broker is away: this long without is a stuck loop


def main(path: Path, now: float) -> str | None:
    """Return what is wrong, None if nothing is."""
    try:
        age = now - path.stat().st_mtime
    except FileNotFoundError:
        return f"{path}: no heartbeat yet"
    return None if age <= MAX_AGE else f"{path}: last heartbeat {age:.0f} s ago"


if __name__ == "__main__":
    sys.exit(main(Path(os.environ["AURA_HEARTBEAT"]), time.time()))
