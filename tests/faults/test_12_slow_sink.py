"""Row 12: a sink that takes 50 KB/s holds the source up: lag rises, nothing else does."""

from __future__ import annotations

import json

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.scenario import MAX_MESSAGES
from tests.faults.toolbox import throttles

RATE = 50_000  # bytes a second
GROWTH = 40 * 2**20  # bytes; what a portion of large messages, its frames and the clients' buffers may take


@pytest.mark.parametrize("route", cases("kafka-kafka", full=["redis-redis"]))
async def test_a_slow_sink_holds_the_source_up_and_memory_stays_bounded(chaos: Chaos, route: str) -> None:
    async with chaos.scenario(route, config={"logging": {"format": "json"}}, large=0) as run:
        worker = await run.start()
        await run.load(2500)
        await run.moved(2000)
        before, said = worker.memory, len(worker.log)
        async with run.fault("output at 50 KB/s", throttles(run.output.proxy, RATE)):
            await run.hold(30, 10)
        figures = _progress(worker.log)
        run.result.notes["growth MiB"] = (worker.memory - before) / 2**20
        assert max(each["lag"] for each in _progress(worker.log[said:])) > 2 * MAX_MESSAGES
        assert worker.memory - before < GROWTH
        assert {each["rebalances"] for each in figures} == {figures[0]["rebalances"]}
        assert "left to their new owner" not in worker.log


def _progress(log: str) -> list[dict[str, int]]:
    """Return the figures of the progress lines in a log of JSON."""
    found = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in found if line.get("lag") is not None]
