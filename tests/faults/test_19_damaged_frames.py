"""Row 19: a damaged frame is a typed error. CI takes a slice of what `make fuzz` does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fuzz.damage import KINDS
from tests.fuzz.judging import Tally, Work, carry_out
from tests.fuzz.recording import FULL, recorded
from tests.fuzz.report import METHODS, judged
from tests.fuzz.subjects import SETTINGS, subjects

SLICE = ((0, "plain"), (1, "marked"), (4, "marked"))
WHOLE, RANDOM = (4096, 100) if FULL else (40, 2)  # bytes up to which every bit is flipped; random cases of each kind
LEAST = 1_000_000 if FULL else 50_000


def test_every_damaged_frame_is_refused_or_within_its_odds(request: pytest.FixtureRequest, seed: int) -> None:
    tally = Tally()
    with recorded(request, seed, LEAST, "damaged frames") as result:
        for check_bytes, raw in SETTINGS if FULL else SLICE:
            every = len(subjects(check_bytes, raw))  # type: ignore[arg-type]
            tally.add(carry_out(Work(check_bytes, raw, 0, every, RANDOM, seed, WHOLE)))  # type: ignore[arg-type]
        result.fired = {"damaged frames": tally.count()}
        wrong, cases = judged(tally, 1)
        result.notes = {"silently wrong at 1 check byte": wrong, "cases at 1 check byte": cases}
        result.verdict = replace(result.verdict, wrong=judged(tally, 4)[0])
        assert tally.foreign == []
        assert result.verdict.wrong == 0
        assert wrong * 256 <= cases
        assert all(tally.count(method=method, kind=kind) for method in METHODS for kind in KINDS)
