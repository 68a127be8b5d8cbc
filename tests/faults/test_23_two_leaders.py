"""Row 23: several discoveries promote at once, one of them after it stood still; numbers stay unique."""

from __future__ import annotations

from tests.faults.chaos import Chaos
from tests.faults.store_tools import verified
from tests.faults.toolbox import paused


async def test_discoveries_that_promote_beside_each_other_do_no_harm(chaos: Chaos) -> None:
    config = {"discovery": {"interval": "1s", "distinct_messages": 2}}
    async with chaos.scenario("redis-redis", store="redis", config=config) as run:
        await run.start()
        run.config["discovery"] |= {"group": "aura-discovery-2"}
        others = [await run.start(verb="discover")]
        run.config["discovery"] |= {"group": "aura-discovery-3"}
        others.append(await run.start(verb="discover"))
        await run.load(2000)
        await run.moved(2000)
        for _ in range(2):
            async with run.fault("a paused discovery", paused(others[0])):
                await run.hold(20)
                await run.moved(1000)
        await others[0].logged("promoted")
        await others[1].logged("promoted")
        await verified(run)
