"""Writes what the fault suite found into docs/reliability.md, from the lines that its runs left behind.

    python tools/fill_reliability.py [RESULTS]

RESULTS is .cache/faults/chaos.jsonl unless told otherwise: what `make chaos` writes. No figure is typed by hand.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "reliability.md"
RESULTS = ROOT / ".cache" / "faults" / "chaos.jsonl"
TESTS = ROOT / "tests" / "faults"
BEGIN, END = "<!-- results: begin (tools/fill_reliability.py) -->", "<!-- results: end -->"
RECOVERED = 30.0  # seconds within which a fresh message has to pass
WRONG = ("unknown", "wrong", "unfaithful", "both", "unexplained")
TRANSIENT_ROWS = (*range(1, 7), *range(9, 16), 17)  # faults that pass by themselves, or a restart mends

ROWS: Mapping[int, str] = {
    1: "SIGKILL of a worker",
    2: "SIGTERM",
    3: "broker restart, clean and hard",
    4: "server unreachable",
    5: "Redis restart",
    6: "Redis flushed or empty",
    7: "Redis failover, link cut",
    8: "power loss",
    9: "store down at start",
    10: "store down in mid-run",
    11: "slow store",
    12: "slow sink",
    13: "rebalance storm",
    14: "paused zombie",
    15: "transaction time-out",
    16: "poison message",
    17: "place of dead letters down",
    18: "oversized message",
    19: "damaged frames",
    20: "unknown template number",
    21: "mirror or journal damaged",
    22: "store value damaged",
    23: "two discovery leaders",
    24: "digest or number collision",
    25: "store updates lost, repeated, reordered",
    26: "clock ±1 h",
    27: "disk full",
    28: "decompression bomb",
    29: "template flooding",
    30: "mixed versions",
    31: "offsets gone, topic recreated",
    32: "credentials revoked",
    33: "XTRIM ahead of the group",
    34: "event loop stalled",
}

Runs = Sequence[Mapping[str, Any]]


def load(path: Path) -> Runs:
    """Return the runs of the matrix, the last one of each test and seed; the harness's own and the soak's apart."""
    runs = map(json.loads, path.read_text().splitlines())
    return list({run["test"]: run for run in runs if run["row"]}.values())


def total(runs: Runs, *names: str) -> int:
    return sum(run["verdict"][name] for run in runs for name in names)


def copies(runs: Runs, delivery: str) -> str:
    """Return the copies in runs with this promise, nothing where there were none such."""
    chosen = [run for run in runs if run["delivery"] == delivery]
    return f"{total(chosen, 'duplicated'):,}" if chosen else ""


def matrix(runs: Runs) -> list[str]:
    """Return the table of all rows; those that never ran say so."""
    lines = [
        "| # | fault | test | seeds | runs | failed | messages moved | faults fired "
        "| lost | reordered | silently wrong | copies, at least once | copies, exactly once |",
        "|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    by_row: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for run in runs:
        by_row[run["row"]].append(run)
    return lines + [row_line(number, fault, by_row[number]) for number, fault in ROWS.items()]


def row_line(number: int, fault: str, runs: Runs) -> str:
    tests = sorted(path.name for path in TESTS.glob(f"test_{number:02d}_*.py"))
    named = ", ".join(f"[{name}](../tests/faults/{name})" for name in tests) or "none"
    if not runs:
        return f"| {number} | {fault} | {named} | never ran | | | | | | | | | |"
    figures = [
        len({run["seed"] for run in runs}),
        len(runs),
        sum(bool(run["problems"]) for run in runs),
        total(runs, "moved", "dead"),
        sum(sum(run["fired"].values()) for run in runs),
        total(runs, "lost"),
        total(runs, "reordered"),
        total(runs, *WRONG),
    ]
    cells = [f"{figure:,}" for figure in figures] + [copies(runs, "at_least_once"), copies(runs, "exactly_once")]
    return f"| {number} | {fault} | {named} | {' | '.join(cells)} |"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def recoveries(runs: Runs) -> list[str]:
    """Return the table of recovery times, fault by fault, and what share recovered by itself."""
    found: dict[str, list[float | None]] = defaultdict(list)
    for run in runs:
        for fault, seconds in run["recoveries"]:
            found[fault].append(seconds)
    lines = ["| fault | times | recovered | p50 | p95 | worst |", "|---|--:|--:|--:|--:|--:|"]
    for fault, times in sorted(found.items()):
        known = [seconds for seconds in times if seconds is not None]
        cells = [f"{percentile(known, share):.1f} s" for share in (0.5, 0.95, 1.0)] if known else ["never"] * 3
        lines.append(f"| {fault} | {len(times):,} | {len(_in_time(times)):,} | {' | '.join(cells)} |")
    every = [seconds for run in runs if run["row"] in TRANSIENT_ROWS for _, seconds in run["recoveries"]]
    share = f"{len(_in_time(every)) / len(every):.1%}" if every else "none ran"
    every_known = [seconds for seconds in every if seconds is not None]
    worst = f"; the slowest took {max(every_known):.1f} s" if every_known else ""
    return [
        *lines,
        "",
        f"Transient faults after which messages passed again within {RECOVERED:.0f} s, without a person: "
        f"**{share}** of {len(every):,}{worst}.",
    ]


def _in_time(times: Sequence[float | None]) -> list[float]:
    return [seconds for seconds in times if seconds is not None and seconds <= RECOVERED]


def summary(runs: Runs) -> list[str]:
    """Return what the runs were, and what was held against them."""
    full = Counter(bool(run["full"]) for run in runs)
    missing = [str(number) for number in ROWS if number not in {run["row"] for run in runs}]
    memory = max((run["memory"] for run in runs), default=0)
    lines = [
        f"{len(runs):,} runs, {full[True]:,} of them with the durations of the matrix and {full[False]:,} scaled down; "
        f"{total(runs, 'moved', 'dead'):,} messages moved, "
        f"{sum(sum(run['fired'].values()) for run in runs):,} faults fired; "
        f"a worker took {memory / 2**20:.0f} MiB of memory at most.",
    ]
    lines += [f"Rows that never ran: {', '.join(missing)}."] if missing else []
    failed = [run for run in runs if run["problems"]]
    return lines + [f"* failed: `{run['test']}`: {run['problems'][0].splitlines()[0][:160]}" for run in failed]


def block(runs: Runs) -> str:
    parts = [summary(runs), matrix(runs), ["### Times to recover"], recoveries(runs)]
    return "\n\n".join("\n".join(part) for part in parts)


def fill(document: str, text: str) -> str:
    """Put the text between the marks. Raises ValueError if they are not there."""
    head, _, rest = document.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise ValueError(f"no marks {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    if not path.is_file():
        sys.exit(f"{path}: no results; run `make chaos`")
    runs = load(path)
    DOCUMENT.write_text(fill(DOCUMENT.read_text("utf-8"), block(runs)), "utf-8")
    failed = sum(bool(run["problems"]) for run in runs)
    sys.stderr.write(f"{len(runs)} runs, {failed} failed: {DOCUMENT.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
