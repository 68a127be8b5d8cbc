"""Row 8: the power fails, and the ends of the store's log and of mirrors are lost; what frames need survives."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from signal import SIGKILL

from tests.faults.chaos import Chaos
from tests.faults.processes import Worker
from tests.faults.scenario import Scenario
from tests.faults.store_tools import (
    LEARNING,
    agreed,
    durable,
    enough,
    grown,
    leave_something_to_discover,
    mirror_of,
    promoted,
)

SOON = {"input": {"redis_streams": {"lease": "2s"}}}  # until others go on where one was killed


async def test_templates_survive_a_cut_log_and_cut_mirrors(chaos: Chaos) -> None:
    """Everybody dies and little is lost; then a discovery lives on elsewhere, and so much is lost that it notices."""
    chance = random.Random(chaos.seed)
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config={**LEARNING, **SOON}) as run:
        await run.load(800)
        worker, discover = await run.start(), await run.start(verb="discover")
        await promoted(discover)
        before = await durable(run)
        run.plan("power loss of all")
        run.happened("power loss of all", await _power_fails(run, [worker, discover], chance.randint(1, 200)))
        worker, discover = await run.start(), await run.start(verb="discover")
        await promoted(discover)
        await run.recovered("power loss of all")
        before = await grown(run, before)
        said = len(discover.log)
        run.plan("power loss of the store")
        lost = chance.randint(5_000, 20_000)
        run.happened("power loss of the store", await _power_fails(run, [worker], lost))
        worker = await run.start()
        await discover.logged("was rebuilt, in a new generation", since=said)
        assert discover.log[said:].count(" is lost: ") == 1
        await run.recovered("power loss of the store")
        assert len((await grown(run, before)).generations) > len(before.generations)
        await enough(run)
        await run.caught_up()
        await agreed(run)  # with the mirrors, whose ends were cut too


async def _power_fails(run: Scenario, processes: list[Worker], lost: int) -> bool:
    """Kill processes and the store, cut so many bytes off what they wrote, and let the store begin again."""
    assert run.store is not None
    mirrors = [mirror_of(run, name) for name in ("encode-0", "discover-0")[: len(processes)]]
    for process in processes:
        process.send(SIGKILL)
        await process.ended()
    await asyncio.to_thread(run.store.server.stop)
    appended = max((run.folder / "redis-1").rglob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    cut = [_cut(path, lost) for path in (appended, *mirrors)]
    await asyncio.to_thread(run.store.server.start)
    return all(cut)


def _cut(path: Path, count: int) -> bool:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(max(0, size - count))
    return path.stat().st_size < size
