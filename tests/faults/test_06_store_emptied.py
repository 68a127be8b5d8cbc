"""Row 6: the shared store is emptied; it is rebuilt from the journal while messages flow, and no number is given twice."""

from __future__ import annotations

from redis.asyncio import Redis

from tests.faults.chaos import Chaos
from tests.faults.store_tools import verified


async def test_an_emptied_store_is_rebuilt_and_everything_decodes(chaos: Chaos) -> None:
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        worker, discover = await run.start(), await run.start(verb="discover")
        await run.load(1500)
        await run.moved(2000)
        run.plan("FLUSHALL", 2)
        async with Redis.from_url(run.store.address) as redis:
            for number in range(2):
                said, learned = len(worker.log), len(discover.log)
                await redis.flushall()
                run.happened("FLUSHALL", await redis.dbsize() == 0)
                await worker.logged("is lost", since=said)
                await discover.logged("was rebuilt, in a new generation", since=learned)
                await worker.logged("it is well again", since=said)
                await run.recovered(f"FLUSHALL {number + 1}")
        await run.moved(3000)
        assert "CRITICAL" in worker.log
        await verified(run)
