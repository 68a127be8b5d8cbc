"""The demo's parts: its traffic, its pace, and what it counts."""

from __future__ import annotations

import asyncio

import pytest

from aura_stream.app.demo import _Pace, running
from aura_stream.app.demo_report import Moment, Share, shares_of
from aura_stream.app.demo_traffic import Phase, phases
from aura_stream.errors import UnavailableError


def moment(seconds: float, hit_rate: float | None) -> Moment:
    return Moment(seconds, "any", 0, hit_rate, None, 0)


def test_the_traffic_changes_its_shape_in_streams_that_are_there() -> None:
    first, later = phases()
    assert set(first.counts()) == {"api", "chat", "events", "logs"}
    assert set(later.counts()) == {"events", "logs"}
    assert not {message for _, message in first.messages} & {message for _, message in later.messages}


def test_streams_are_mixed_from_beginning_to_end() -> None:
    for phase in phases():
        third = phase.messages[: len(phase.messages) // 3]
        for stream, count in phase.counts().items():
            assert sum(name == stream for name, _ in third) == pytest.approx(count / 3, abs=2)


def test_a_hit_is_spelled_by_templates_in_half_its_size() -> None:
    message = b"the quick brown fox jumps over"
    by_template, raw = b"\x82\x00\x00", message
    share = Share("all")
    share.add([(message, by_template), (message[:5], by_template), (message, raw)])
    assert (share.messages, share.hits, share.methods["template"]) == (3, 1, 2)
    assert share.hit_rate == pytest.approx(1 / 3)
    assert share.ratio == pytest.approx((2 * len(message) + 5) / (len(message) + 6))
    assert (Share("none").hit_rate, Share("none").ratio) == (0, 0)


def test_each_phase_is_counted_at_its_beginning_and_at_its_end() -> None:
    first = Phase("one", [("a", b"x%d" % n) for n in range(40)])
    second = Phase("two", [("a", b"y%d" % n) for n in range(20)] + [("b", b"z")])
    pairs = {"a": [(b"x", b"x")] * 40 + [(b"yy", b"y")] * 20, "b": [(b"z", b"z")]}
    shares = shares_of(pairs, [first, second], ["p", "q", "r", "s"])
    assert [(each.name, each.messages, each.bytes_in) for each in shares] == [
        ("p", 4, 4),
        ("q", 10, 10),
        ("r", 2, 4),
        ("s", 5, 10),
    ]


def test_traffic_trickles_until_it_is_learned_and_never_for_long() -> None:
    pace = _Pace(400, 1000)
    rates = []
    steps = [(100, 1.0, 0.0), (300, 2.0, None), (310, 3.0, 0.1), (320, 4.0, 0.8), (420, 5.0, 0.0), (430, 42.5, 0.0)]
    for written, seconds, hit_rate in steps:
        pace.note(written, moment(seconds, hit_rate))
        rates.append(pace.rate() == 400)
    assert rates == [True, False, False, True, False, True]


class _Work:
    """Ends when told to; `swallows` so many cancellations, `fails` if there is an error."""

    def __init__(self, swallows: int = 0, fails: Exception | None = None) -> None:
        self._stopping = asyncio.Event()
        self._swallows = swallows
        self._fails = fails
        self.ended = False

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        if self._fails is not None:
            raise self._fails
        try:
            while not self._stopping.is_set():
                try:
                    await self._stopping.wait()
                except asyncio.CancelledError:
                    if not self._swallows:
                        raise
                    self._swallows -= 1
        finally:
            self.ended = True


async def test_works_run_beside_a_block_and_end_with_it() -> None:
    bridge, learning = _Work(), _Work()
    async with running(bridge, learning) as tasks:
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
    assert bridge.ended
    assert learning.ended


async def test_works_are_cut_short_by_an_error_however_many_cancellations_they_swallow() -> None:
    works = _Work(), _Work(swallows=2)

    async def fail_beside() -> None:
        async with running(*works):
            await asyncio.sleep(0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_beside()
    assert all(work.ended for work in works)


async def test_what_ended_a_work_is_raised() -> None:
    other = _Work()

    async def run_beside() -> None:
        async with running(_Work(fails=UnavailableError("gone")), other):
            await asyncio.sleep(0)

    with pytest.raises(UnavailableError, match="gone"):
        await run_beside()
    assert other.ended
