"""Row 33: entries that are trimmed away while they are pending are counted exactly, and told."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from tests.faults.chaos import Chaos
from tests.faults.depth import cases

PENDING, TRIMMED = 100, 37


@pytest.mark.parametrize("delivery", cases("exactly_once", full=["at_least_once"]))
async def test_each_pending_entry_that_was_trimmed_is_counted(chaos: Chaos, delivery: str) -> None:
    """On a stream of the test's own beside those of the oracle, which then go on as ever."""
    async with chaos.scenario("redis-redis", delivery=delivery) as run:
        options = run.config["input"]["redis_streams"]
        stream, group = "trimmed", options["group"]
        options["streams"] = [*options["streams"], stream]
        redis = Redis.from_url(run.source.address)
        try:
            ids = [await redis.xadd(stream, {"d": b"entry %d" % number}) for number in range(PENDING)]
            await redis.xgroup_create(stream, group, "0")
            await redis.xreadgroup(group, "a worker that died", {stream: ">"}, count=PENDING)
            run.plan("XTRIM ahead of the group")
            run.happened(
                "XTRIM ahead of the group", await redis.xtrim(stream, PENDING - TRIMMED, approximate=False) == TRIMMED
            )
            worker = await run.start()
            await run.load(1500)
            await worker.logged(f"lost {TRIMMED} entries of stream {stream}")
            assert ids[0].decode() in worker.log
            assert ids[TRIMMED].decode() not in worker.log

            async def all_the_others() -> bool:
                return bool(await redis.xlen(f"{stream}.aura") == PENDING - TRIMMED)

            await run.until("those that are left", all_the_others)
            assert worker.log.count("lost ") == 1
        finally:
            await redis.aclose()
        await run.recovered("XTRIM ahead of the group")
        await run.moved(5200)
