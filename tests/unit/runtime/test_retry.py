"""Pauses grow to a limit with full jitter, and an outage is told without flooding."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from tenacity import wait_exponential

from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.runtime.breaker import Breaker
from aura_stream.runtime.retry import FIRST_PAUSE, LONGEST_PAUSE, REMIND_AFTER, Outage, Pauses, StillAwayError
from aura_stream.runtime.statistics import Side

NEVER = 10**9  # failures after which the breaker opens


def test_pauses_lie_anywhere_below_a_limit_that_doubles() -> None:
    longest = [0.0] * 8
    for _ in range(300):
        pauses = Pauses()
        longest = [max(before, pauses.next()) for before in longest]
    limits = [min(LONGEST_PAUSE, FIRST_PAUSE * 2**number) for number in range(8)]
    assert all(limit / 2 < seen <= limit for seen, limit in zip(longest, limits, strict=True))


def test_a_year_of_failures_does_not_overflow() -> None:
    pauses = Pauses()
    pauses._state.attempt_number = 10_000_000
    assert 0 <= pauses.next() <= LONGEST_PAUSE


def test_other_pauses_can_be_asked_for() -> None:
    pauses = Pauses(wait_exponential(multiplier=1))
    assert [pauses.next() for _ in range(3)] == [1, 2, 4]
    assert pauses.failures == 3


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


async def test_an_outage_is_told_once_in_a_while_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    clock, failures = Clock(), 2 * REMIND_AFTER

    async def attempt() -> str:
        if len(clock.pauses) < failures:
            raise UnavailableError("no answer from 127.0.0.1:9092")
        return "answer"

    side = Side()
    with caplog.at_level(logging.INFO):
        outage = Outage("the output", clock.sleep, side, Breaker(NEVER))
        assert await outage.outlast(attempt) == "answer"
    assert (len(clock.pauses), side.failures, side.breaker) == (failures, failures, "closed")
    assert [record.getMessage() for record in caplog.records] == [
        "the output is unavailable, trying again: no answer from 127.0.0.1:9092",
        "the output is unavailable, trying again: no answer from 127.0.0.1:9092",
        "the output is available again",
    ]


async def test_a_side_that_fails_again_and_again_is_left_alone_and_then_probed() -> None:
    clock, side, tried = Clock(), Side(), 0
    outage = Outage("the output", clock.sleep, side, Breaker(3, 60.0, clock))

    async def attempt() -> None:
        nonlocal tried
        async with outage.attempt():
            tried += 1
            raise UnavailableError("no answer")

    for _ in range(3):
        with pytest.raises(StillAwayError):
            await attempt()
    assert (tried, side.breaker) == (3, "open")
    with pytest.raises(StillAwayError):
        await attempt()  # waits for the end of the cool-down, and tries nothing
    assert (tried, clock.pauses[-1]) == (3, pytest.approx(60.0 - sum(clock.pauses[2:-1])))
    with pytest.raises(StillAwayError):
        await attempt()  # the probe
    assert (tried, side.breaker) == (4, "open")


async def test_what_retrying_does_not_mend_is_not_retried() -> None:
    side = Side()
    with pytest.raises(ConfigError):
        async with Outage("the output", side=side).attempt():
            raise ConfigError("the user may not write to this topic")
    assert side.failures == 0


async def test_an_outage_of_a_side_that_two_try_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A group's coordinator may be away where the partitions answer: the first who gets through is not the last."""
    clock, side = Clock(), Side()
    reading, settling = (Outage("the input", clock.sleep, side, Breaker(NEVER)) for _ in range(2))

    async def attempt(outage: Outage, *, answers: bool) -> None:
        with contextlib.suppress(StillAwayError):
            async with outage.attempt():
                if not answers:
                    raise UnavailableError("no answer")

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            await attempt(reading, answers=False)
            await attempt(settling, answers=False)
        for _ in range(3):
            await attempt(reading, answers=True)
            await attempt(settling, answers=False)
        assert side.failures == 9
        await attempt(settling, answers=True)
    assert [record.getMessage() for record in caplog.records] == [
        "the input is unavailable, trying again: no answer",
        "the input is available again",
    ]


def test_a_side_is_left_alone_as_soon_as_one_of_those_who_try_it_says_so() -> None:
    clock, side = Clock(), Side()
    breakers = [Breaker(1, 10.0, clock) for _ in range(2)]
    for breaker in breakers:
        Outage("the input", clock.sleep, side, breaker)
    assert side.breaker == "closed"
    attempt = breakers[1].enter()
    assert attempt is not None
    breakers[1].failed(attempt)
    assert side.breaker == "open"
    clock.now = 10.0
    assert side.breaker == "half-open"


async def test_a_probe_that_is_cancelled_does_not_keep_the_others_away() -> None:
    clock, side = Clock(), Side()
    outage = Outage("the output", clock.sleep, side, Breaker(1, 10.0, clock))

    async def fails() -> None:
        async with outage.attempt():
            raise UnavailableError("no answer")

    async def hangs() -> None:
        async with outage.attempt():
            await asyncio.Event().wait()

    with pytest.raises(StillAwayError):
        await fails()
    clock.now += 10.0
    probe = asyncio.create_task(hangs())
    await asyncio.sleep(0)
    with pytest.raises(StillAwayError):
        await hangs()  # is not let through beside the probe
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    async with outage.attempt():
        pass
    assert side.breaker == "closed"
