"""Row 33: entries that are trimmed away ahead of the group are counted exactly, pending or not, and told."""

from __future__ import annotations

import re
from signal import SIGKILL

import pytest
from redis.asyncio import Redis

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.plan import Plan
from tests.faults.processes import Worker
from tests.faults.scenario import Scenario
from tests.faults.telling import IN_FIGURES, last
from tests.faults.toolbox import paused
from tests.infra.redis import raw_client

LOST = re.compile(r"lost (\d+) entries of stream")


@pytest.mark.parametrize("delivery", cases("exactly_once", full=["at_least_once"]))
async def test_each_entry_that_was_trimmed_unsettled_is_counted(chaos: Chaos, delivery: str) -> None:
    async with (
        chaos.scenario("redis-redis", delivery=delivery, config=IN_FIGURES, may_lose=True) as run,
        raw_client(run.source.address) as redis,
    ):
        run.config["input"]["redis_streams"]["lease"] = "1s"
        run.plan("trimmed", 2)
        await run.send(4000)
        await run.load(1000)
        worker = await run.start(kill="before_publish:6")
        assert await worker.ended() == -SIGKILL
        await run.pause()
        await run.send(2000)
        gone = await _trim(run, redis, (0.3, 0.9))  # a part of what is pending; all of that, and of what is new
        worker = await run.start()
        run.happened("trimmed")
        await run.recovered("trimmed")
        assert _told(worker) == gone, "what was pending, and what was not"

        await run.until("nothing is in its hands", lambda: _is_idle(run, redis))
        async with run.fault("trimmed", paused(worker)):
            await run.send(2000)
            gone += await _trim(run, redis, (0.5, 0.99))
        await run.send(1500)
        await run.until("the counter", lambda: _counts(worker, gone))
        assert _told(worker) == gone
        run.result.notes["deleted by the fault, and counted"] = gone
        run.expect(f"{gone} are lost, as the log says", lambda verdict: verdict.lost == gone)


async def _trim(run: Scenario, redis: Redis, shares: tuple[float, float]) -> int:
    """Trim each stream up to such a share of what the group has not settled; return how many entries those were."""
    group = run.config["input"]["redis_streams"]["group"]
    gone = 0
    for stream, share in zip(Plan.load(str(run.plan_file)).source.names, shares, strict=True):
        (flat,) = await redis.execute_command("XINFO", "GROUPS", stream)
        state = dict(zip(flat[::2], flat[1::2], strict=True))
        unsettled = [row[0] for row in await redis.execute_command("XPENDING", stream, group, "-", "+", 100_000)]
        new = await redis.execute_command("XRANGE", stream, b"(" + state[b"last-delivered-id"], "+")
        unsettled += [entry_id for entry_id, _ in new]
        first = int(len(unsettled) * share)
        await redis.execute_command("XTRIM", stream, "MINID", unsettled[first])
        gone += first
    return gone


async def _is_idle(run: Scenario, redis: Redis) -> bool:
    group = run.config["input"]["redis_streams"]["group"]
    streams = Plan.load(str(run.plan_file)).source.names
    return not any([(await redis.execute_command("XPENDING", stream, group))[0] for stream in streams])


def _told(worker: Worker) -> int:
    """Return how many entries a worker has called lost."""
    return sum(map(int, LOST.findall(worker.log)))


async def _counts(worker: Worker, lost: int) -> bool:
    return bool(last(worker, "lost") == lost)
