"""Row 3: a broker that restarts, cleanly or after kill -9, is waited for."""

from __future__ import annotations

import pytest

from tests.faults.chaos import FULL, Chaos
from tests.faults.toolbox import broker_stops

WAYS = [(False, "at_least_once"), (True, "exactly_once")]
WAYS += [(False, "exactly_once"), (True, "at_least_once")] if FULL else []


@pytest.mark.parametrize(("hard", "delivery"), WAYS)
async def test_a_broker_that_restarts_is_waited_for_with_one_warning_a_side(
    chaos: Chaos, hard: bool, delivery: str
) -> None:
    async with chaos.scenario("kafka-kafka", delivery=delivery) as run:
        worker = await run.start()
        await run.send(4000)
        await run.load(500)
        await run.moved(1000)
        async with run.fault("broker kill -9" if hard else "broker restart", broker_stops(run.source.kafka, hard=hard)):
            await worker.logged("is unavailable, trying again")
        await run.send(1000)
        await run.caught_up()
        for side in ("input", "output"):
            assert worker.log.count(f"the {side} is unavailable") <= 1
