"""One line of JSON for each run, for people and for tools/fill_reliability.py."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.plan import Verdict

ROOT = Path(__file__).resolve().parents[2]
PATH = "AURA_FAULT_RESULTS"


@dataclass(slots=True)
class Result:
    """What one run of one test came to. Times in seconds, memory in bytes. `problems` is empty where all held."""

    row: int
    test: str
    seed: int
    systems: str  # "kafka-kafka"
    delivery: str
    full: bool  # durations not scaled down
    planned: Mapping[str, int] = field(default_factory=dict)
    fired: Mapping[str, int] = field(default_factory=dict)
    recoveries: Sequence[tuple[str, float | None]] = field(
        default_factory=list
    )  # fault, seconds until fresh messages passed; None: never
    verdict: Verdict = field(default_factory=Verdict)
    memory: int = 0
    seconds: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)  # other figures that a row reports
    problems: Sequence[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything held."""
        return not self.problems


def results_path() -> Path:
    """Return the file to append to."""
    return Path(os.environ.get(PATH) or ROOT / ".cache" / "faults" / "results.jsonl")


def append(result: Result, path: Path | None = None) -> None:
    """Append a run; several test processes may do so at once."""
    path = path or results_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(asdict(result)) + "\n")


def read(path: Path) -> list[Result]:
    """Return all runs of a file; [] if there is none."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [Result(**row | {"verdict": Verdict(**row["verdict"])}) for row in rows]
