"""Row 9: a worker starts without the store from its mirror, and says that it is degraded; or refuses where told to."""

from __future__ import annotations

import os
from collections.abc import Callable
from signal import SIGTERM
from typing import Any

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.store_tools import count_of, enough
from tests.faults.toolbox import blackholes, refuses


@pytest.mark.parametrize("way", cases(refuses, full=[blackholes]), ids=lambda way: way.__name__)
async def test_messages_flow_from_the_mirror_where_the_store_is_away_at_the_start(
    chaos: Chaos, way: Callable[..., Any]
) -> None:
    """One that may not begin without it refuses, and touches nothing; the next one may, and does."""
    async with chaos.scenario("redis-redis", store="redis", config={"startup_timeout": "2s"}) as run:
        assert run.store is not None
        first = await run.start()
        await run.load(1000)
        await run.moved(1000)
        first.send(SIGTERM)
        assert await first.ended() == 0
        run.plan("store away at the start")
        async with way(run.store.proxy):
            run.config["store"]["require"] = True
            refusing = await run.start()
            assert await refusing.ended() == os.EX_TEMPFAIL
            assert "reading" not in refusing.log
            run.config["store"]["require"] = False
            run.config["startup_timeout"] = "30s"
            worker = await run.start()
            await worker.logged("going on with the book known here")
            run.happened("store away at the start")
            await run.moved(1000)
            await worker.logged("store degraded")  # in a progress line
            assert count_of(worker.log, "WARNING") == 1
            assert "% by template" in worker.log
        await run.recovered("store away at the start")
        await worker.logged("it is well again")
        await enough(run)
