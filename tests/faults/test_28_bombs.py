"""Row 28: whatever asks for more than the limits allow gets a typed error, and no memory. Times are figures only."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import set_off_bombs
from tests.fuzz.recording import recorded


def test_every_bomb_is_a_typed_error_within_twice_the_limit(request: pytest.FixtureRequest, seed: int) -> None:
    with recorded(request, seed, 60, "bombs") as result:
        blasts, died = set_off_bombs()
        result.fired = {"bombs": len(blasts)}
        result.memory = max(blast.peak for blast in blasts)
        brotli = [blast.milliseconds for blast in blasts if "brotli" in blast.name]
        others = [blast.milliseconds for blast in blasts if "brotli" not in blast.name]
        result.notes = {"slowest brotli, ms": max(brotli), "slowest other, ms": max(others)}
        assert not died
        assert [blast for blast in blasts if not blast.typed] == []
        assert [blast for blast in blasts if blast.peak > blast.bound] == []
        declared = [blast.error for blast in blasts if "that says" in blast.name and "zstd" in blast.name]
        assert set(declared) == {"LimitExceededError"}
