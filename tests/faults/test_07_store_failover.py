"""Row 7: the store fails over to a replica that lags; what was not safe was never in use, and nothing in use is missing."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis

from aura_stream.app.embedded import EmbeddedServer
from aura_stream.codec import Proposal
from aura_stream.ports import TemplateStore
from tests.faults.chaos import Chaos
from tests.faults.scenario import Scenario
from tests.faults.store_tools import (
    LEARNING,
    agreed,
    durable,
    enough,
    follows,
    grown,
    in_log,
    leave_something_to_discover,
    mirrored,
    opened,
    promoted,
)
from tests.infra.proxy import proxy_to
from tests.infra.redis import StartRedis, start_redis
from tests.integration.store_fleet import words

__all__ = ["start_redis"]


async def test_a_replica_that_lags_takes_over_and_nothing_is_missing(chaos: Chaos, start_redis: StartRedis) -> None:
    """The link between the two is cut; then the journal cannot be written, so that a proposal is not safe."""
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config=LEARNING) as run:
        assert run.store is not None
        master = run.store.server
        async with proxy_to(master.port) as link:
            replica = await asyncio.to_thread(start_redis, "--replicaof", "127.0.0.1", str(link.port))
            worker, discover = await run.start(), await run.start(verb="discover")
            await run.load(800)
            await promoted(discover)
            await _in_step(run, replica)
            run.plan("link cut")
            run.plan("failover")
            await link.down()
            run.happened("link cut", link.touched > 0)
            async with opened(run) as promoter:
                unseen = await promoter.promote(Proposal(words("unseen", 0)))  # by the replica
                await follows(run, unseen)
                with _held(run):
                    await _proposed(run, promoter)
                    said = len(worker.log)
                    await _fail_over(run, replica)
                    run.happened("failover")
                    await worker.logged("is lost", since=said)
                    await run.moved(300)
            await discover.logged("was rebuilt, in a new generation")
            await worker.logged("it is well again", since=said)
            await run.recovered("failover")
            _, was_active = await in_log(run, master.url)
            assert mirrored(run).is_prefix_of(await grown(run, was_active))
            run.store.redis = replica
            await enough(run)
            await run.caught_up()
            await agreed(run)


async def _in_step(run: Scenario, replica: EmbeddedServer) -> None:
    async with Redis.from_url(replica.url) as follower:

        async def in_step() -> bool:
            return bool((await follower.info("replication"))["master_link_status"] == "up")

        await run.until("a replica in step", in_step)


@contextmanager
def _held(run: Scenario) -> Iterator[None]:
    """Hold the journal's lock, as a writer does whose disk takes its time."""
    with (run.folder / "journal").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def _proposed(run: Scenario, promoter: TemplateStore) -> None:
    """Let something be proposed that cannot be made safe, and see that it is not in use."""
    assert run.store is not None
    url = run.store.address

    async def proposed() -> bool:
        state, _ = await in_log(run, url)
        return state.active < state.end

    promoting = asyncio.create_task(promoter.promote(Proposal(words("unsafe", 0))))
    await run.until("a proposal that is not safe yet", proposed)
    promoting.cancel()
    await asyncio.wait([promoting])
    _, active = await in_log(run, url)
    safe = await durable(run)
    assert active.is_prefix_of(safe)
    assert mirrored(run).is_prefix_of(safe)


async def _fail_over(run: Scenario, replica: EmbeddedServer) -> None:
    assert run.store is not None
    await run.store.proxy.down()
    async with Redis.from_url(replica.url) as follower:
        await follower.execute_command("REPLICAOF", "NO", "ONE")
    run.store.proxy.lead_to(replica.port)
    await run.store.proxy.up()
