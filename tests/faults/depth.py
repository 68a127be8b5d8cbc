"""How many cases of a row are run: all with full durations (`make chaos`), some of them among all other tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

FULL = bool(os.environ.get("AURA_FAULT_FULL"))


def cases(*always: Any, full: Sequence[Any] = ()) -> list[Any]:
    """Return the cases that are run each time, and with full durations those of `full` too."""
    return [*always, *full] if FULL else list(always)
