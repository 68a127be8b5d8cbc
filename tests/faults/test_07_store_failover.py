"""Row 7: the store fails over to a replica that lags; no template that was used is missing, and no number given twice."""

from __future__ import annotations

from redis.asyncio import Redis

from tests.faults.chaos import Chaos
from tests.faults.store_tools import verified
from tests.infra.redis import StartRedis, start_redis

__all__ = ["start_redis"]


async def test_a_replica_that_lags_takes_over_and_nothing_is_missing(chaos: Chaos, start_redis: StartRedis) -> None:
    config = {"discovery": {"interval": "1s", "distinct_messages": 2}}
    async with chaos.scenario("redis-redis", store="redis", config=config) as run:
        assert run.store is not None
        replica = start_redis("--replicaof", "127.0.0.1", str(run.store.server.port))
        await run.start()
        discover = await run.start(verb="discover")
        async with Redis.from_url(replica.url) as follower:

            async def in_sync() -> bool:
                return (await follower.info("replication"))["master_link_status"] == "up"

            await run.until("a replica in sync", in_sync)
            await follower.execute_command("REPLICAOF", "NO", "ONE")  # what is promoted from now on it never gets
            await run.load(2000)
            await discover.logged("promoted")
            await run.moved(3000)
            run.plan("failover to a replica that lags")
            await run.store.proxy.down()
            run.store.proxy.lead_to(replica.port)
            await run.store.proxy.up()
            run.happened("failover to a replica that lags")
            await run.recovered("failover to a replica that lags")
            await run.moved(2000)
        await verified(run)
