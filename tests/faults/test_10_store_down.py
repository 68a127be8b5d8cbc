"""Row 10: a store that goes away in mid-run holds nothing up: known templates are used."""

from __future__ import annotations

from tests.faults.chaos import Chaos
from tests.faults.store_patches import ASKED, BESIDE
from tests.faults.store_tools import count_of, enough, largest_gap
from tests.faults.toolbox import blackholes, refuses

SECONDS = 15.0  # of each way of being away, scaled


async def test_messages_flow_on_while_the_store_is_away(chaos: Chaos) -> None:
    """First it is silent, the way that a client notices last, then it refuses connections."""
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        worker = await run.start(patch="tests.faults.store_patches:watch_the_way_of_messages")
        await run.load(1000)
        await run.moved(500)
        for way in (blackholes, refuses):
            name, said = f"store {way.__name__}", len(worker.log)
            async with run.fault(name, way(run.store.proxy)):
                gap = await largest_gap(run, SECONDS)
                run.result.notes[f"largest gap while the {name}, s"] = gap
                await run.moved(500)
                if way is refuses or run.full:
                    await worker.logged("going on with the book known here", since=said)
                    await worker.logged("store degraded", since=said)  # in a progress line
                    assert count_of(worker.log[said:], "WARNING") == 1
        await worker.logged("it is well again")
        await enough(run)
        await run.caught_up()
        assert BESIDE in worker.log
        assert ASKED not in worker.log
