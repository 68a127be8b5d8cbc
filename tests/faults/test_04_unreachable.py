"""Row 4: a broker that is unreachable for 30 s is waited for, whichever way it is unreachable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.chaos import Chaos
from tests.faults.toolbox import blackholes, refuses, resets

WAYS: list[Any] = [refuses, blackholes, resets]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("route", ["kafka-kafka", "redis-redis"])
async def test_messages_flow_again_after_a_side_was_unreachable(
    chaos: Chaos, route: str, side: str, way: Callable[..., Any]
) -> None:
    async with chaos.scenario(route) as run:
        system = run.source if side == "input" else run.output
        await run.start()
        await run.load(1500)
        await run.moved(1000)
        async with run.fault(f"{side} {way.__name__}", way(system.proxy)):
            await run.hold(30)
