"""What a worker with `logging: {format: json}` tells in figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.processes import Worker

IN_FIGURES: Mapping[str, Any] = {"logging": {"format": "json"}}


def progress(worker: Worker, since: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the figures of its progress lines, behind so many characters of its log."""
    for line in worker.log[since:].splitlines():
        if line.startswith("{") and line.endswith("}") and "rebalances" in (found := json.loads(line)):
            yield found


def last(worker: Worker, figure: str) -> Any:
    """Return a figure as it was told last, 0 before any was."""
    found = 0
    for each in progress(worker):
        found = each[figure]
    return found
