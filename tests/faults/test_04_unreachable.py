"""Row 4: a server that is unreachable is waited for, whichever way it is unreachable."""

from __future__ import annotations

import pytest

from tests.faults.chaos import FULL, Chaos
from tests.faults.toolbox import blackholes, refuses, resets


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("route", ["kafka-kafka", "redis-redis"])
@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"] if FULL else ["at_least_once"])
async def test_messages_flow_again_after_a_side_was_unreachable(
    chaos: Chaos, delivery: str, route: str, side: str
) -> None:
    async with chaos.scenario(route, delivery=delivery) as run:
        proxy = (run.source if side == "input" else run.output).proxy
        worker = await run.start()
        await run.send(3000)
        await run.load(500)
        await run.moved(1000)
        for way in (resets, refuses):  # clients bridge what is short by themselves
            async with run.fault(f"{side} {way.__name__}", way(proxy)):
                await run.hold(30, 2)
        said = len(worker.log)
        async with run.fault(f"{side} blackholes", blackholes(proxy)):
            await worker.logged(f"the {side} is unavailable, trying again", said)
            await run.hold(30, 0)
        await worker.logged(f"the {side} is available again", said)
