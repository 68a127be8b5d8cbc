"""Puts rows that need no processes into the table of faults, with what they counted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import results
from tests.faults.chaos import row_of
from tests.faults.results import Result

FULL = bool(os.environ.get("AURA_FAULT_FULL"))


@contextmanager
def recorded(request: pytest.FixtureRequest, seed: int, planned: int, unit: str) -> Iterator[Result]:
    """Yield the result of a run to fill in; it is appended however the run ends.

    `planned`: how many of its `unit` (cases, bombs, collisions, …) the row asks for at the least. A run in which
    fewer happened (`fired`) fails itself.
    """
    path = Path(request.path)
    name = f"{path.name}::{request.node.name}"
    result = Result(row_of(path.name), name, seed, "codec and store", "none", FULL, planned={unit: planned})
    start = time.monotonic()
    try:
        yield result
        assert result.fired.get(unit, 0) >= planned, f"{result.fired} of {result.planned}"
    except BaseException as exc:
        result.problems = [str(exc) or type(exc).__name__]
        raise
    finally:
        result.seconds = round(time.monotonic() - start, 3)
        results.append(result)
