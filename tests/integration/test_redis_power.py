"""What a power failure or a failover takes away, it takes from both sides of an exactly-once bridge."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from redis.asyncio import Redis

from aura_stream.app.embedded import free_port
from tests.infra.proxy import proxy_to
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import (
    add,
    command,
    entries,
    eventually,
    fetched,
    group_position,
    loaded,
    numbered,
    pending,
    pending_ids,
    started_bridge,
)

pytestmark = pytest.mark.integration

COUNT = 1500
CUTS = 12
APPEND_ONLY = ("--appendonly", "yes", "--appendfsync", "no")


async def copy_some(redis: Redis, url: str, stream: str, chance: random.Random) -> None:
    """Copy most of a stream in many scripts of any size; leave some entries delivered, and some not even that."""
    await add(redis, stream, numbered(0, COUNT))
    async with started_bridge(url, stream) as (source, sink):
        while await command(redis, "XLEN", f"{stream}.aura") < COUNT * 0.8:
            batches = await source.fetch(chance.randrange(1, 40), 1 << 20, 1)
            await sink.publish_and_settle([batch.part(0, chance.randrange(len(batch)) + 1) for batch in batches])
            await sink.publish_and_settle(batches)
        await fetched(source, 20, max_messages=20)


async def judge(redis: Redis, stream: str) -> int:
    """See that each entry is in the output, or else pending, or else not delivered; return how many are out."""
    ids = [row[0] for row in await command(redis, "XRANGE", stream, "-", "+")]
    sent = [flat[1] for flat in await entries(redis, stream)]
    published = [flat[1] for flat in await entries(redis, f"{stream}.aura")]
    assert published == sent[: len(published)]
    if not ids or not await command(redis, "XINFO", "GROUPS", stream):
        assert not published
        return 0
    position = order_of(await group_position(redis, stream))
    delivered = sum(key <= position for key in map(order_of, ids))
    assert await pending_ids(redis, stream) == ids[len(published) : delivered]
    return len(published)


def order_of(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence)


async def go_on_to_the_end(redis: Redis, url: str, stream: str) -> None:
    """Copy what is left; nothing may be missing or twice then."""
    await command(redis, "DEL", f"aura:lease:{{{stream}}}:readers")
    async with started_bridge(url, stream, once=True) as (source, sink):
        while not await source.finished():
            await sink.publish_and_settle(await source.fetch(200, 1 << 20, 0.1))
    sent = [flat[1] for flat in await entries(redis, stream)]
    assert [flat[1] for flat in await entries(redis, f"{stream}.aura")] == sent
    assert not sent or await pending(redis, stream) == 0


async def test_an_append_only_file_that_is_cut_anywhere_loses_both_halves_or_none(
    start_each: StartRedis, stream: str, tmp_path: Path
) -> None:
    chance = random.Random(5)
    written = tmp_path / "written"
    written.mkdir()
    server = start_each(*APPEND_ONLY, directory=written)
    redis = raw_client(server.url)
    await copy_some(redis, server.url, stream, chance)
    await redis.aclose()
    server.stop()
    file = appended_to(written)
    whole = file.stat().st_size
    outcomes = set()
    for number in range(CUTS):
        left = tmp_path / f"left-{number}"
        shutil.copytree(written, left)
        with (left / file.relative_to(written)).open("r+b") as tail:
            tail.truncate(chance.randrange(whole // 3, whole))
        after = start_each(*APPEND_ONLY, directory=left)
        client = raw_client(after.url)
        await loaded(client)
        outcomes.add(await judge(client, stream))
        await go_on_to_the_end(client, after.url, stream)
        await client.aclose()
        after.stop()
    assert len(outcomes) > CUTS // 2, "the cuts fell into different scripts"


def appended_to(directory: Path) -> Path:
    """Return the file that a server appends to."""
    (file,) = directory.glob("appendonlydir/*.incr.aof")
    return file


async def test_a_replica_that_is_promoted_lost_both_halves_or_none(start_each: StartRedis, stream: str) -> None:
    """The link breaks in the middle of the stream of commands."""
    chance = random.Random(11)
    for _ in range(6):
        master, replica = start_each("--repl-diskless-sync-delay", "0"), start_each()
        redis, behind = raw_client(master.url), raw_client(replica.url)
        async with proxy_to(master.port) as link:
            await command(behind, "REPLICAOF", "127.0.0.1", link.port)

            async def linked(client: Redis = behind) -> bool:
                return b"master_link_status:up" in await command(client, "INFO", "replication")

            await eventually(linked, "a link between master and replica")
            link.rate = chance.randrange(200_000, 600_000)  # so the replica is behind, in the middle of some script
            await copy_some(redis, master.url, stream, chance)
            await link.down()
        await command(behind, "REPLICAOF", "NO", "ONE")
        out = await judge(behind, stream)
        assert out < await command(redis, "XLEN", f"{stream}.aura"), "something was lost"
        await go_on_to_the_end(behind, replica.url, stream)
        for client, server in ((redis, master), (behind, replica)):
            await client.aclose()
            server.stop()


async def test_the_second_half_never_stands_in_the_file_without_the_first(
    start_each: StartRedis, stream: str, tmp_path: Path
) -> None:
    """What a script did is one transaction in the file; a file that ends within one is cut before it."""
    server = start_each(*APPEND_ONLY, directory=tmp_path, port=free_port())
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 3))
    async with started_bridge(server.url, stream) as (source, sink):
        await sink.publish_and_settle(await fetched(source, 3))
    await redis.aclose()
    server.stop()
    file = appended_to(tmp_path).read_bytes()
    words = [word.upper() for word in file.split(b"\r\n") if word.isalpha()]
    begin = max(place for place, word in enumerate(words) if word == b"MULTI" and b"XACK" in words[place:])
    step = [word for word in words[begin:] if word in (b"MULTI", b"XADD", b"XACK", b"EXEC")]
    assert step[: step.index(b"EXEC") + 1] == [b"MULTI", b"XADD", b"XADD", b"XADD", b"XACK", b"EXEC"]
