"""The limiter lets a second's worth through at once, then as fast as was asked for, and never holds up an end."""

from __future__ import annotations

import asyncio

import pytest

from aura_stream.model import Batch, Partition
from aura_stream.runtime import pulse
from aura_stream.runtime.limiter import Limiter, Rates
from tests.unit.runtime.engine import Engine, eventually, finish, numbered


def batch(count: int, size: int = 10) -> Batch:
    return Batch(Partition("in"), [b"x" * size] * count, range(count))


def test_no_more_is_fetched_at_a_time_than_may_come_in_a_second() -> None:
    limiter = Limiter(Rates(100.0, 2000.0), asyncio.Event())
    assert limiter.portion(5000, 1 << 20) == (100, 2000)
    assert limiter.portion(7, 9) == (7, 9)
    assert Limiter(Rates(), asyncio.Event()).portion(5000, 1 << 20) == (5000, 1 << 20)
    assert Limiter(Rates(0.5, None), asyncio.Event()).portion(5000, 1 << 20)[0] == 1


@pytest.mark.parametrize("rates", [Rates(messages=50.0), Rates(bytes=500.0)], ids=["messages", "bytes"])
async def test_what_is_more_than_a_seconds_worth_waits(rates: Rates) -> None:
    limiter = Limiter(rates, asyncio.Event())
    await asyncio.wait_for(limiter.wait([batch(50)]), 1.0)  # a second's worth
    waiting = asyncio.create_task(limiter.wait([batch(60)]))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await asyncio.wait_for(waiting, 30)


async def test_an_end_does_not_wait() -> None:
    engine = Engine(once=False, rates=Rates(messages=1.0))  # type: ignore[arg-type]
    engine.write(numbered(5))
    running = asyncio.create_task(engine.run())
    await eventually("the first", lambda: engine.settled() >= 1)
    engine.worker.stop()
    await finish(running)
    assert engine.settled() == engine.worker.statistics.fetched < 5


async def test_what_waits_is_in_flight_and_the_source_is_kept_alive_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT", 0.01)
    engine = Engine(once=False, rates=Rates(bytes=1.0))  # type: ignore[arg-type]
    engine.write(numbered(5))
    running = asyncio.create_task(engine.run())
    await eventually("a fetch", lambda: engine.worker.statistics.in_flight == 1)
    before = engine.source.kept_alive
    await eventually("signs of life", lambda: engine.source.kept_alive > before + 3)
    assert engine.settled() == 0
    engine.worker.stop()
    await finish(running)
    assert engine.settled() == engine.worker.statistics.fetched == 1


async def test_waiting_leaves_no_tasks_behind() -> None:
    stopping = asyncio.Event()
    limiter = Limiter(Rates(10.0, 10.0), stopping)
    await limiter.wait([batch(1, 1)])
    cut_short, cancelled = (asyncio.create_task(limiter.wait([batch(100)])) for _ in range(2))
    await asyncio.sleep(0.01)
    cancelled.cancel()
    stopping.set()
    await asyncio.gather(cut_short, cancelled, return_exceptions=True)
    assert cancelled.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
