"""Row 11: a store that answers 2 s late is not on the way of any message."""

from __future__ import annotations

import time

from tests.faults.chaos import Chaos
from tests.faults.scenario import Scenario
from tests.faults.toolbox import delays

WATCHED = 12.0  # seconds, scaled


async def test_messages_flow_as_fast_as_before(chaos: Chaos) -> None:
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        await run.start()
        await run.load(2000)
        await run.moved(1500)
        before = await _rate(run, WATCHED)
        async with run.fault("store 2 s late", delays(run.store.proxy, 2.0)):
            await run.hold(6)
            during = await _rate(run, WATCHED)
        run.result.notes.update({"messages/s before": before, "messages/s with a slow store": during})
        await run.moved(1000)


async def _rate(run: Scenario, full: float) -> float:
    began, (_, first) = time.monotonic(), await run.counts()
    await run.hold(full)
    _, last = await run.counts()
    assert last > first
    return round((last - first) / (time.monotonic() - began), 1)
