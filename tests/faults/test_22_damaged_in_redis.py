"""Row 22: a value of the store that is damaged in Redis is noticed by its digest, put aside, and repaired."""

from __future__ import annotations

import random

from tests.faults.chaos import Chaos
from tests.infra.redis import raw_client


async def test_a_changed_entry_is_noticed_and_nothing_decodes_wrong(chaos: Chaos) -> None:
    chance = random.Random(chaos.seed)
    config = {"discovery": {"interval": "1s", "distinct_messages": 2}}
    async with chaos.scenario("redis-redis", store="redis", config=config) as run:
        assert run.store is not None
        await run.load(2000)
        discover = await run.start(verb="discover")
        await discover.logged("promoted")
        run.plan("a damaged entry")
        key = f"aura:{{{run.config['namespace']}}}:log"
        run.happened("a damaged entry", await _change_one(run.store.address, key, chance))
        worker = await run.start()  # without a mirror of its own: it reads the log
        await worker.logged("is damaged")
        await run.recovered("a damaged entry")
        await run.moved(5000)
        assert list((run.folder / "mirror").rglob("damaged-*"))


async def _change_one(url: str, key: str, chance: random.Random) -> bool:
    """Write the stream anew with one bit of one of its later entries changed."""
    client = raw_client(url)
    entries = await client.execute_command("XRANGE", key, "-", "+")
    place = chance.randrange(len(entries) // 2, len(entries))
    value = bytearray(entries[place][1][1])
    value[chance.randrange(len(value))] ^= 4
    entries[place][1][1] = bytes(value)
    pipeline = client.pipeline()
    pipeline.execute_command("DEL", key)
    for entry, fields in entries:
        pipeline.execute_command("XADD", key, entry, *fields)
    await pipeline.execute()
    await client.aclose()
    return True
