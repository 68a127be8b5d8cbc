"""Row 6: the shared store is emptied; it is rebuilt from the journal while messages flow, and no number is given twice."""

from __future__ import annotations

import asyncio
import shutil

from redis.asyncio import Redis

from tests.faults.chaos import Chaos
from tests.faults.scenario import Scenario
from tests.faults.store_tools import (
    JSON_LOG,
    LEARNING,
    agreed,
    count_of,
    durable,
    enough,
    grown,
    leave_something_to_discover,
    progress,
    promoted,
)
from tests.faults.toolbox import paused


async def test_an_emptied_store_is_rebuilt_and_everything_decodes(chaos: Chaos) -> None:
    """Nobody can rebuild it for a while (the discovery stands still): messages flow with what is known."""
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config={**LEARNING, **JSON_LOG}) as run:
        worker, discover = await run.start(), await run.start(verb="discover")
        await run.load(800)
        await promoted(discover)
        for name, emptied in (("FLUSHALL", _flushed), ("restarted empty", _restarted_empty)):
            before, said, learned = await durable(run), len(worker.log), len(discover.log)
            run.plan(name)
            async with paused(discover):
                run.happened(name, await emptied(run))
                await worker.logged("is lost", since=said)
                await run.moved(300)
            await discover.logged("was rebuilt, in a new generation", since=learned)
            await worker.logged("was rebuilt, in a new generation", since=said)
            await worker.logged("it is well again", since=said)
            await run.recovered(name)
            assert count_of(worker.log[said:], "CRITICAL") == 1
            after = await grown(run, before)
            assert before.newest is not None
            assert after.newest is not None
            assert len(after.generations) > len(before.generations)  # no number of a lost one is ever given again
            assert before.newest.digests <= after.newest.digests
            await promoted(discover, since=len(discover.log))
        await enough(run)
        await run.caught_up()
        await agreed(run)
        await run.drain()
        assert progress(worker)["store_lost"] == 2
        assert progress(worker)["store"] == "ok"


async def _flushed(run: Scenario) -> bool:
    assert run.store is not None
    async with Redis.from_url(run.store.address) as redis:
        await redis.flushall()
        return bool(await redis.dbsize() == 0)


async def _restarted_empty(run: Scenario) -> bool:
    """Kill the server, and let it begin again without what it had written to its disk."""
    assert run.store is not None
    await asyncio.to_thread(run.store.server.stop)
    shutil.rmtree(run.folder / "redis-1" / "appendonlydir")
    await asyncio.to_thread(run.store.server.start)
    async with Redis.from_url(run.store.address) as redis:
        return bool(await redis.dbsize() == 0)
