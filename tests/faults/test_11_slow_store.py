"""Row 11: a store that answers 2 s late is not on the way of any message."""

from __future__ import annotations

import re
import time

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import FULL
from tests.faults.processes import Worker
from tests.faults.store_patches import ASKED, BESIDE, ENCODED
from tests.faults.store_tools import enough
from tests.faults.toolbox import delays

WATCH = "tests.faults.store_patches:watch_the_way_of_messages"
ASK = "tests.faults.store_patches:ask_the_store_on_the_way"
SECONDS = 15.0  # of each measurement, scaled


async def test_encoding_waits_for_no_slow_store(chaos: Chaos) -> None:
    async with chaos.scenario("redis-redis", store="redis", large=0) as run:
        assert run.store is not None
        worker = await run.start(patch=WATCH)
        await run.load(1500)
        await run.moved(1000)
        began = time.monotonic()
        await run.hold(SECONDS)
        said = len(worker.log)
        async with run.fault("store 2 s late", delays(run.store.proxy, 2.0)):
            slow = time.monotonic()
            await run.hold(SECONDS)
            await run.moved(500)
            assert BESIDE in worker.log[said:]
        until = time.monotonic()
        await enough(run)
        await run.caught_up()
        assert ASKED not in worker.log
        run.result.notes |= {f"{name} before": value for name, value in _figures(worker, began, slow).items()}
        run.result.notes |= {
            f"{name} with a slow store": value for name, value in _figures(worker, slow, until).items()
        }


@pytest.mark.skipif(not FULL, reason="make chaos runs it: it shows that the test above can fail")
async def test_a_worker_that_asks_the_store_on_the_way_is_noticed(chaos: Chaos) -> None:
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        worker = await run.start(patch=f"{WATCH},{ASK}")
        await run.load(1500)
        await run.moved(1000)
        async with run.fault("store 2 s late", delays(run.store.proxy, 2.0)):
            for _ in range(2):
                await worker.logged(ASKED, since=len(worker.log))
        await enough(run)


def _figures(worker: Worker, since: float, until: float) -> dict[str, float]:
    """Return what encoding took between two moments: p50 and p99 of its portions, and portions a second."""
    found = re.findall(rf"{ENCODED} ([\d.]+) s at ([\d.]+)", worker.log)
    took = sorted(float(seconds) for seconds, began in found if since <= float(began) < until)
    figures = {f"encode p{share} of a portion, ms": took[share * (len(took) - 1) // 100] * 1000 for share in (50, 99)}
    figures["portions/s"] = len(took) / (until - since)
    return {name: round(value, 1) for name, value in figures.items()}
