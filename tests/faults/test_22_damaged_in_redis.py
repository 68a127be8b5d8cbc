"""Row 22: a value of the store that is damaged in Redis is noticed by its digest, counted, put aside, and repaired."""

from __future__ import annotations

import random

from tests.faults.chaos import Chaos
from tests.faults.scenario import Scenario
from tests.faults.store_tools import (
    JSON_LOG,
    LEARNING,
    agreed,
    enough,
    leave_something_to_discover,
    progress,
    promoted,
    templates,
)
from tests.infra.redis import raw_client
from tests.integration.redis_tools import command


async def test_a_changed_entry_is_noticed_and_nothing_decodes_wrong(chaos: Chaos) -> None:
    """The worker that comes next has nothing but the log to begin with, and turns to the journal for that entry."""
    chance = random.Random(chaos.seed)
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config={**LEARNING, **JSON_LOG}) as run:
        await run.load(1000)
        discover = await run.start(verb="discover")
        await promoted(discover)
        run.plan("a changed entry")
        name, changed = await _change_one(run, chance)
        run.happened("a changed entry")
        worker = await run.start()
        await worker.logged(f"{name} is damaged")
        await run.recovered("a changed entry")
        aside = [path.read_bytes() for path in (run.folder / "mirror").glob("*/encode-0/damaged-*")]
        assert aside == [changed]
        code, said = await templates(run, "verify")
        assert code == 1, said
        assert name in said
        code, said = await templates(run, "rebuild", "--yes")
        assert code == 0, said
        await enough(run)
        await run.caught_up()
        await agreed(run)
        await run.drain()
        assert progress(worker)["store_damaged"] == 1


async def _change_one(run: Scenario, chance: random.Random) -> tuple[str, bytes]:
    """Change one bit of an entry that stands for one template; return what it is called, and what it holds now."""
    assert run.store is not None
    key = f"aura:{{{run.config['namespace']}}}:log"
    client = raw_client(run.store.address)
    entries = await command(client, "XRANGE", key, "-", "+")
    place = chance.randrange(2, len(entries))  # behind the namespace and its first generation
    value = bytearray(entries[place][1][1])
    value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
    entries[place][1][1] = bytes(value)
    pipeline = client.pipeline()
    pipeline.execute_command("DEL", key)
    for entry, fields in entries:
        pipeline.execute_command("XADD", key, entry, *fields)
    await pipeline.execute()
    await client.aclose()
    generation, number = (int(part) - 1 for part in entries[place][0].split(b"-"))
    return f"log entry {generation}-{number}", bytes(value)
