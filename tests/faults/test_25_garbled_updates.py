"""Row 25: updates of the store that are lost, repeated or reordered on their way are reconciled by position and digest."""

from __future__ import annotations

from tests.faults.chaos import Chaos
from tests.faults.store_patches import LOST, REORDERED, REPEATED
from tests.faults.store_tools import (
    LEARNING,
    agreed,
    durable,
    enough,
    follows,
    grown,
    leave_something_to_discover,
    promoted,
)


async def test_a_worker_converges_whatever_order_updates_come_in(chaos: Chaos) -> None:
    """From its first reading on, while others promote; in the end it knows what the journal does, entry by entry."""
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config=LEARNING) as run:
        before = await durable(run)
        for garbled in (LOST, REPEATED, REORDERED):
            run.plan(garbled)
        worker = await run.start(patch="tests.faults.store_patches:garble_what_is_read_of_the_store")
        discover = await run.start(verb="discover")
        await run.load(800)
        for garbled in (LOST, REPEATED, REORDERED):
            await worker.logged(garbled)
            run.happened(garbled)
        await promoted(discover)
        await run.recovered("garbled updates")
        await enough(run)
        await follows(run, await grown(run, before))
        await run.caught_up()
        await agreed(run)
        assert "is lost" not in worker.log
