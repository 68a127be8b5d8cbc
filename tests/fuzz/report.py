"""What a run of the fuzzer came to: verdicts, a table for people, and figures that depend on no machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.fuzz.bombs import Blast
from tests.fuzz.damage import KINDS
from tests.fuzz.judging import Tally
from tests.fuzz.subjects import SETTINGS

METHODS: Final = ("template", "extended", "dictionary", "zstd", "brotli")
VERDICTS: Final = ("refused", "same", "wrong", "turned raw", "raw", "empty", "intact", "foreign")
MOST_MILLISECONDS: Final = 50
_LEAST_CASES: Final = 1_000_000
_JUDGED: Final = ("refused", "same", "wrong")  # verdicts on a frame that is damaged, and is no raw one


@dataclass(frozen=True, slots=True)
class Judgement:
    """One promise, and whether it held."""

    promise: str
    found: str
    held: bool


def judged(tally: Tally, check_bytes: int, **row: object) -> tuple[int, int]:
    """Return (wrong, cases) as row 19 is judged: frames of a `marked` book that are not raw, 1 byte at least."""
    place = {"check_bytes": check_bytes, "raw": "marked"} | row
    wrong = tally.count("wrong", **place)
    return wrong, sum(tally.count(verdict, **place) for verdict in _JUDGED) - _was_raw(tally, place)


def _was_raw(tally: Tally, place: dict[str, object]) -> int:
    return 0 if "method" in place else sum(tally.count(verdict, **place, method="raw") for verdict in _JUDGED)


def judgements(tally: Tally, blasts: Sequence[Blast], crashes: int, least: int = _LEAST_CASES) -> list[Judgement]:
    """Return every promise with what was found."""
    cases, foreign = tally.count(), tally.count("foreign")
    found = [
        Judgement(f"at least {least:,} cases", f"{cases:,}", cases >= least),
        Judgement("no crash", f"{crashes}", not crashes),
        Judgement("no error but a DecodeError, and the same from every entry", f"{foreign}", not foreign),
    ]
    for check_bytes, one_in in ((4, 0), (2, 1 << 16), (1, 1 << 8)):
        wrong, damaged = judged(tally, check_bytes)
        promise = f"{check_bytes} check bytes: " + (
            f"at most 1 in {one_in:,} silently wrong" if one_in else "none wrong"
        )
        rate = f"{wrong} of {damaged:,}" + (f", 1 in {damaged / wrong:,.0f}" if wrong else "")
        found.append(Judgement(promise, rate, wrong * one_in <= damaged if one_in else not wrong))
    return [*found, *_bombs(blasts)]


def _bombs(blasts: Sequence[Blast]) -> list[Judgement]:
    untyped = [blast.name for blast in blasts if not blast.typed]
    large = [blast.name for blast in blasts if blast.peak > blast.bound]
    return [
        Judgement(f"{len(blasts)} bombs: each a typed error", ", ".join(untyped) or "all", not untyped),
        Judgement("and below twice the limit of memory", ", ".join(large) or "all", not large),
    ]


def slow(blasts: Sequence[Blast]) -> list[Blast]:
    """Return the bombs that took longer than they should: a figure of this machine, and no verdict."""
    return [blast for blast in blasts if blast.milliseconds >= MOST_MILLISECONDS]


def table(tally: Tally) -> str:
    """Return the cases of each setting and of each method as text."""
    lines = [f"{'check':>5} {'raw':<7}" + "".join(f"{name:>12}" for name in VERDICTS)]
    for check_bytes, raw in SETTINGS:
        counts = [tally.count(name, check_bytes=check_bytes, raw=raw) for name in VERDICTS]
        lines.append(f"{check_bytes:>5} {raw:<7}" + "".join(f"{count:>12,}" for count in counts))
    lines += ["", f"{'wrong, 1 check byte, marked':<28}" + "".join(f"{kind:>17}" for kind in KINDS)]
    for method in METHODS:
        pairs = [judged(tally, 1, method=method, kind=kind) for kind in KINDS]
        lines.append(f"{method:<28}" + "".join(f"{f'{wrong} of {cases:,}':>17}" for wrong, cases in pairs))
    return "\n".join(lines)


def figures(seed: int, tally: Tally, blasts: Sequence[Blast], found: Sequence[Judgement]) -> dict[str, Any]:
    """Return what is kept of a run."""
    settings = [
        {"check_bytes": check_bytes, "raw": raw}
        | {f"cases_{name.replace(' ', '_')}": tally.count(name, check_bytes=check_bytes, raw=raw) for name in VERDICTS}
        for check_bytes, raw in SETTINGS
    ]
    rates = [
        {"check_bytes": check_bytes, "method": method, "kind": kind, "wrong": wrong, "cases": cases}
        for check_bytes in (1, 2, 4)
        for method in METHODS
        for kind in KINDS
        for wrong, cases in [judged(tally, check_bytes, method=method, kind=kind)]
    ]
    return {
        "seed": seed,
        "cases": tally.count(),
        "verdicts": [asdict(each) for each in found],
        "settings": settings,
        "silently_wrong": rates,
        "bombs": [asdict(blast) for blast in blasts],
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write figures, one list item a line."""
    parts = []
    for key, value in content.items():
        if isinstance(value, list):
            parts.append(f' "{key}": [\n' + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n ]")
        else:
            parts.append(f' "{key}": {json.dumps(value)}')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")
