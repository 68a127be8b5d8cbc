"""Row 21: a mirror that is damaged is named, put aside and repaired from the other copies; nothing decodes wrong."""

from __future__ import annotations

import random
from signal import SIGTERM

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.store_tools import mirror_of, verified


@pytest.mark.parametrize("damage", cases("flipped bits", full=["a lost end", "zeros"]))
async def test_a_damaged_mirror_is_repaired_at_the_start(chaos: Chaos, damage: str) -> None:
    chance = random.Random(chaos.seed)
    async with chaos.scenario("redis-redis", store="redis") as run:
        first = await run.start()
        await run.load(2500)
        await run.moved(3000)
        first.send(SIGTERM)
        assert await first.ended() == 0
        mirror = mirror_of(run)
        whole = mirror.read_bytes()
        mirror.write_bytes(_damaged(whole, damage, chance))
        run.plan(damage)
        run.happened(damage, mirror.read_bytes() != whole)
        worker = await run.start()
        await run.recovered(damage)
        await run.moved(2500)
        if damage != "a lost end":
            assert "is damaged" in worker.log

        async def repaired() -> bool:
            return mirror.read_bytes() == whole

        await run.until("the mirror as it was", repaired)
        await verified(run)


def _damaged(data: bytes, damage: str, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) // 4, 3 * len(data) // 4)
    if damage == "a lost end":
        return data[:place]
    if damage == "zeros":
        return data[:place] + bytes(512) + data[place + 512 :]
    changed = bytearray(data)
    for _ in range(5):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)
