"""Row 9: a worker starts without the store from its mirror, and says that it is degraded; or refuses where told to."""

from __future__ import annotations

import os
from collections.abc import Callable
from signal import SIGTERM
from typing import Any

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.toolbox import blackholes, refuses


@pytest.mark.parametrize("way", cases(blackholes, full=[refuses]), ids=lambda way: way.__name__)
async def test_messages_flow_from_the_mirror_where_the_store_is_away_at_the_start(
    chaos: Chaos, way: Callable[..., Any]
) -> None:
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        first = await run.start()
        await run.load(2000)
        await run.moved(2000)
        first.send(SIGTERM)
        assert await first.ended() == 0
        run.plan("store away at the start")
        async with way(run.store.proxy):
            worker = await run.start()
            await worker.logged("going on with the book known here")
            await run.moved(1500)
            await worker.logged("store degraded")
            run.happened("store away at the start")
        await worker.logged("it is well again")
        await run.recovered("store away at the start")
        await run.moved(1500)


async def test_it_refuses_to_start_without_the_store_where_that_is_asked_for(chaos: Chaos) -> None:
    config = {"startup_timeout": "2s"}
    async with chaos.scenario("redis-redis", store="redis", config=config) as run:
        assert run.store is not None
        first = await run.start()
        await run.load(2000)
        await run.moved(3000)
        first.send(SIGTERM)
        assert await first.ended() == 0
        run.config["store"]["require"] = True
        async with run.fault("store silent at the start", blackholes(run.store.proxy), recovers=False):
            worker = await run.start()
            assert await worker.ended() == os.EX_TEMPFAIL
        await run.start()
        await run.recovered("store silent at the start")
        await run.moved(2000)
