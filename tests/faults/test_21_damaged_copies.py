"""Row 21: a mirror and a journal that are damaged are named, and repaired from the other copies; nothing decodes wrong."""

from __future__ import annotations

import random
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.store_tools import (
    LEARNING,
    agreed,
    durable,
    enough,
    grown,
    leave_something_to_discover,
    mirror_of,
    promoted,
    templates,
)


@pytest.mark.parametrize("damage", cases("flipped bits", full=["a lost end", "zeros"]))
async def test_damaged_copies_are_named_and_repaired(chaos: Chaos, damage: str) -> None:
    """The mirror mends itself at the next start; the journal takes a person, or a promoter that has something new."""
    chance = random.Random(chaos.seed)
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config=LEARNING) as run:
        first, discover = await run.start(), await run.start(verb="discover")
        await run.load(1000)
        await promoted(discover)
        for process in (discover, first):
            process.send(SIGTERM)
            assert await process.ended() == 0
        before = await durable(run)
        mirror, journal = mirror_of(run), run.folder / "journal"
        whole = mirror.read_bytes()
        for name, path in (("mirror", mirror), ("journal", journal)):
            run.plan(f"{name}: {damage}")
            run.happened(f"{name}: {damage}", _damage(path, damage, chance))
        worker = await run.start()
        await run.recovered(damage)
        await run.moved(500)
        if damage != "a lost end":
            assert "is damaged" in worker.log
        code, said = await templates(run, "verify")
        assert code == 1, said
        assert "journal" in said
        code, said = await templates(run, "rebuild", "--yes")
        assert code == 0, said
        await grown(run, before)
        assert mirror.read_bytes().startswith(whole)
        await enough(run)
        await run.caught_up()
        await agreed(run)


def _damage(path: Path, damage: str, chance: random.Random) -> bool:
    """Damage the last half of a file."""
    data = path.read_bytes()
    damaged = bytearray(data)
    place = chance.randrange(len(data) // 2, len(data) - 600)
    match damage:
        case "a lost end":
            del damaged[place:]
        case "zeros":
            damaged[place : place + 512] = bytes(512)
        case _:
            for _ in range(3):
                damaged[chance.randrange(place, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(damaged)
    return damaged != data
