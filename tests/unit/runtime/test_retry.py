"""Pauses grow to a limit, differ between workers, and an outage is told without flooding."""

from __future__ import annotations

import logging

import pytest

from aura_stream.errors import UnavailableError
from aura_stream.runtime.retry import LONGEST_PAUSE, REMIND_AFTER, Backoff, Outage


def test_pauses_double_up_to_a_limit() -> None:
    backoff = Backoff(uniform=lambda low, high: high)
    assert [backoff.next() for _ in range(7)] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_PAUSE, LONGEST_PAUSE])


def test_pauses_are_spread_over_half_their_length() -> None:
    backoff = Backoff(uniform=lambda low, high: low)
    assert [backoff.next() for _ in range(3)] == pytest.approx([0.1, 0.2, 0.4])


def test_a_year_of_failures_does_not_overflow() -> None:
    backoff = Backoff()
    backoff.failures = 10_000_000
    assert LONGEST_PAUSE / 2 <= backoff.next() <= LONGEST_PAUSE


async def test_an_outage_is_told_once_in_a_while_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    failures = 2 * REMIND_AFTER

    async def attempt() -> str:
        if len(pauses) < failures:
            raise UnavailableError("no answer from 127.0.0.1:9092")
        return "answer"

    with caplog.at_level(logging.INFO):
        assert await Outage("the output", sleep).outlast(attempt) == "answer"
    assert len(pauses) == failures
    assert [record.getMessage() for record in caplog.records] == [
        "the output is unavailable, trying again: no answer from 127.0.0.1:9092",
        "the output is unavailable, trying again: no answer from 127.0.0.1:9092",
        "the output is available again",
    ]
