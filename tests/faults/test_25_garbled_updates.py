"""Row 25: updates of the store that are lost, repeated or reordered on their way are reconciled by position and digest."""

from __future__ import annotations

from tests.faults.chaos import Chaos
from tests.faults.store_tools import verified


async def test_a_worker_converges_whatever_order_updates_come_in(chaos: Chaos) -> None:
    config = {"discovery": {"interval": "1s", "distinct_messages": 2}}
    async with chaos.scenario("redis-redis", store="redis", config=config) as run:
        run.plan("garbled updates")
        worker = await run.start(patch="tests.faults.patches:garble_what_is_read_of_the_store")
        discover = await run.start(verb="discover")
        await run.load(2000)
        await discover.logged("promoted")
        await worker.logged("garbled records of the store")
        run.happened("garbled updates")
        await run.recovered("garbled updates")
        await run.moved(4000)
        await verified(run)
