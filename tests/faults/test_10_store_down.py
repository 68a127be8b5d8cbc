"""Row 10: a store that goes away in mid-run holds nothing up: known templates are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.store_tools import largest_gap
from tests.faults.toolbox import blackholes, refuses


@pytest.mark.parametrize("way", cases(blackholes, full=[refuses]), ids=lambda way: way.__name__)
async def test_messages_flow_on_while_the_store_is_away(chaos: Chaos, way: Callable[..., Any]) -> None:
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        worker = await run.start()
        await run.load(1500)
        await run.moved(1500)
        async with run.fault(f"store {way.__name__}", way(run.store.proxy)):
            run.result.notes["longest gap s"] = await largest_gap(run, 30)
            await worker.logged("going on with the book known here")
            await run.moved(1000)
            await worker.logged("store degraded")
        await worker.logged("it is well again")
        await run.moved(1500)
