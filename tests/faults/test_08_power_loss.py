"""Row 8: the power fails, and the ends of the store's log and of the mirror are lost; what frames need survives."""

from __future__ import annotations

import random
from pathlib import Path
from signal import SIGKILL

from tests.faults.chaos import Chaos
from tests.faults.store_tools import mirror_of


async def test_templates_survive_a_cut_log_and_a_cut_mirror(chaos: Chaos) -> None:
    chance = random.Random(chaos.seed)
    async with chaos.scenario("redis-redis", store="redis") as run:
        assert run.store is not None
        server = run.store.server
        discover = await run.start(verb="discover")
        await run.load(2000)
        run.plan("power loss", 2)
        for _ in range(2):
            worker = await run.start()
            await run.moved(2000)
            worker.send(SIGKILL)
            await worker.ended()
            server.stop()
            cut = [_cut(path, chance.randint(1, 2000)) for path in _files(run.folder / "redis-1", mirror_of(run))]
            server.start()
            run.happened("power loss", all(cut))
        worker = await run.start()
        await run.recovered("power loss")
        await run.moved(2000)
        assert discover.running


def _files(folder: Path, mirror: Path) -> list[Path]:
    """Return the last part of the append-only file, and the mirror."""
    return [max(folder.rglob("*.incr.aof"), key=lambda path: path.stat().st_mtime), mirror]


def _cut(path: Path, count: int) -> bool:
    """Cut so many bytes off a file's end."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(max(0, size - count))
    return path.stat().st_size < size
