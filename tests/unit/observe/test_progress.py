"""Progress counts what is settled, and is drawn or logged."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator

import pytest
from rich.console import Console

from aura_stream.observe import Reporter, progress
from aura_stream.observe.progress import Meter
from aura_stream.ports import StoreStatus
from aura_stream.runtime import Statistics


def _statistics() -> Statistics:
    statistics = Statistics(fetched=30, settled=20, bytes_in=2000, bytes_out=400, lag=7)
    statistics.methods.update(template=15, raw=5)
    return statistics


def _clock(*moments: float) -> Iterator[float]:
    yield from moments


def test_speed_is_that_since_the_last_reading() -> None:
    statistics, clock = Statistics(), _clock(0.0, 2.0, 4.0, 4.0)
    meter = Meter(statistics, decoding=False, clock=lambda: next(clock))
    statistics.settled = 20
    assert meter.read().messages_per_second == 10.0
    statistics.settled = 100
    assert meter.read().messages_per_second == 40.0
    assert meter.read_total().messages_per_second == 25.0


def test_frequent_readings_give_a_speed_that_does_not_jump() -> None:
    statistics, clock = Statistics(), _clock(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    meter = Meter(statistics, decoding=False, clock=lambda: next(clock))
    speeds = []
    for settled in (50, 50, 100, 100, 150, 150):  # 50 messages each second, settled in portions
        statistics.settled = settled
        speeds.append(meter.read().messages_per_second)
    assert speeds[3:] == [50.0, 50.0, 50.0]


def test_a_reading_in_words() -> None:
    clock = _clock(0.0, 2.0)
    meter = Meter(_statistics(), decoding=False, clock=lambda: next(clock))
    assert (
        str(meter.read()) == "20 messages · 10/s · ratio 5.00, 5.00 of late · 75.0% by template, 75.0% of late · lag 7"
    )


def test_the_recent_hit_rate_is_that_of_the_last_seconds() -> None:
    statistics, clock = Statistics(), _clock(0.0, 1.0, 8.0, 12.0, 30.0, 31.0)
    meter = Meter(statistics, decoding=False, clock=lambda: next(clock))
    statistics.methods.update(raw=100)
    assert meter.read().recent_hit_rate == 0.0
    statistics.methods.update(template=100)
    assert meter.read().recent_hit_rate == 0.5
    statistics.methods.update(template=200)
    assert meter.read().recent_hit_rate == 1.0  # those of the first second are forgotten
    assert meter.read().recent_hit_rate is None
    total = meter.read_total()
    assert (total.hit_rate, total.recent_hit_rate) == (0.75, None)


@pytest.mark.parametrize("decoding", [False, True])
def test_the_recent_ratio_is_that_of_the_last_seconds(decoding: bool) -> None:
    statistics, clock = Statistics(), _clock(0.0, 1.0, 8.0, 12.0, 30.0, 31.0)
    meter = Meter(statistics, decoding, clock=lambda: next(clock))

    def settle(messages: int, frames: int) -> float | None:
        statistics.bytes_in, statistics.bytes_out = (frames, messages) if decoding else (messages, frames)
        return meter.read().recent_ratio

    assert settle(100, 100) == 1.0
    assert settle(700, 200) == 3.5
    assert settle(1300, 300) == 6.0  # those of the first second are forgotten
    assert settle(1300, 300) is None
    total = meter.read_total()
    assert (total.ratio, total.recent_ratio) == (pytest.approx(13 / 3), None)


def test_what_is_learned_and_how_the_store_is_stands_in_words_and_fields() -> None:
    statistics, clock = Statistics(generations=2, templates=1234, learned=5000, promoted=7), _clock(0.0, 2.0)
    statistics.waiting, statistics.store = 3, StoreStatus("degraded", "away", lost=1, damaged=2)
    statistics.lost, statistics.rebalances = 1200, 2
    reading = Meter(statistics, decoding=False, clock=lambda: next(clock)).read()
    assert str(reading) == (
        "0 messages · 0/s · generation 1: 1,234 templates · learned from 5,000, promoted 7 · "
        "1,200 lost · 3 wait for a template · store degraded"
    )
    fields = reading.fields()
    assert (fields["generations"], fields["templates"], fields["waiting"]) == (2, 1234, 3)
    assert (fields["lost"], fields["rebalances"]) == (1200, 2)
    assert (fields["store"], fields["store_lost"], fields["store_damaged"]) == ("degraded", 1, 2)


def test_the_ratio_is_that_of_messages_to_frames_in_both_directions() -> None:
    assert Meter(_statistics(), decoding=False).read().ratio == 5.0
    assert Meter(_statistics(), decoding=True).read().ratio == 0.2


def test_before_any_message_there_is_nothing_to_divide() -> None:
    clock = _clock(0.0, 2.0)
    assert str(Meter(Statistics(), decoding=True, clock=lambda: next(clock)).read()) == "0 messages · 0/s"


async def test_without_a_terminal_it_logs(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_EVERY", 0.01)
    with caplog.at_level(logging.INFO):
        async with Reporter(_statistics(), False, "console", Console(file=io.StringIO())).running():
            for _ in range(1000):
                if len(caplog.records) >= 2:
                    break
                await asyncio.sleep(0.01)
    assert caplog.records[-1].getMessage().startswith("done: 20 messages")
    assert vars(caplog.records[0])["fields"]["messages"] == 20


@pytest.mark.parametrize(("settled", "said"), [(0, False), (20, True)])
async def test_what_fails_before_anything_is_done_has_no_last_word(
    settled: int, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(OSError, match="refused"):
        async with Reporter(Statistics(settled=settled), False, "json").running():
            raise OSError("refused")
    assert ("done: 20 messages" in caplog.text) is said
    assert bool(caplog.records) is said


@pytest.mark.parametrize(("log_format", "drawn"), [("console", True), ("json", False)])
async def test_on_a_terminal_it_draws_one_live_line(
    log_format: str, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "DRAW_EVERY", 0.01)
    screen = io.StringIO()
    async with Reporter(
        _statistics(), False, log_format, Console(file=screen, force_terminal=True, width=100)
    ).running():
        for _ in range(1000 if drawn else 10):
            if "20 messages" in screen.getvalue():
                break
            await asyncio.sleep(0.01)
    assert ("20 messages" in screen.getvalue()) is drawn
