"""How often an entry was handed out: counted by the server, and never for what is no fault of the message."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from typing import Any

import pytest
from aura_connectors.redis_streams import RedisStreamsSource
from aura_connectors.redis_streams.client import Client
from redis.asyncio import Redis

from aura_stream.app.embedded import free_port
from aura_stream.errors import UnavailableError
from aura_stream.model import Batch, Note
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_crashes import POISON, crash, forget_leases, new_worker
from tests.integration.redis_tools import (
    add,
    command,
    counts,
    entries,
    eventually,
    fetched,
    new_source,
    numbered,
    pending,
    started_bridge,
    started_source,
    values_of,
)

pytestmark = pytest.mark.integration


async def died(redis: Redis, source: RedisStreamsSource, *streams: str) -> None:
    """Let the source's process die."""
    crash(source)
    await source.stop()
    await forget_leases(redis, *streams)


async def fetched_and_died(redis: Redis, url: str, stream: str, most: int) -> list[Batch]:
    source = new_source(url, stream)
    await source.start()
    batches = await source.fetch(most, 1 << 22, 1)
    await died(redis, source, stream)
    return batches


# What is counted


async def test_the_first_time_is_not_told_and_each_later_one_is(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 100))
    sizes, attempts = [], []
    for _ in range(6):
        (batch,) = await fetched_and_died(redis, redis_url, stream, 100)
        sizes.append(len(batch))
        attempts.append(batch.attempts)
    assert sizes == [100, 12, 1, 1, 1, 1]
    assert attempts == [None, [2] * 12, [3], [4], [5], [6]]
    assert await counts(redis, stream) == [6, *[2] * 11, *[1] * 88]


async def test_taking_over_counts_nothing_but_what_is_handed_out(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 3000))
    await fetched_and_died(redis, redis_url, stream, 3000)
    await fetched_and_died(redis, redis_url, stream, 800)
    assert await counts(redis, stream) == [2] * 100 + [1] * 2900


async def test_an_orderly_stop_takes_the_count_back(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 300))
    for size in (100, 90, 80):
        async with started_source(redis_url, stream) as source:
            (batch,) = await source.fetch(100, 1 << 22, 1)
            assert (len(batch), batch.attempts) == (size, None)
            await source.settle([batch.part(0, 10)])
    assert await counts(redis, stream) == [0] * 70
    await fetched_and_died(redis, redis_url, stream, 100)
    async with started_source(redis_url, stream) as source:
        (batch,) = await source.fetch(100, 1 << 22, 1)
        assert batch.attempts == [2] * 12
    assert await counts(redis, stream) == [1] * 70


async def test_what_was_read_ahead_and_never_handed_out_is_not_counted(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, [bytes(10_000)] * 50)
    async with started_source(redis_url, stream) as source:
        await source.fetch(50, 30_000, 1)
        assert await counts(redis, stream) == [1] * 50
    assert await counts(redis, stream) == [0] * 50


async def test_a_lease_that_was_lost_for_a_while_counts_nothing(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 300))
    async with started_source(redis_url, stream) as source:
        for _ in range(12):
            (batch,) = await source.fetch(100, 1 << 22, 1)
            assert (len(batch), batch.attempts) == (100, None)
            await forget_leases(redis, stream)
            await source.keep_alive()
            assert not source.owns(batch)
        assert await counts(redis, stream) == [1] * 100


async def test_a_server_that_comes_and_goes_counts_nothing(start_redis: StartRedis, stream: str) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always", port=free_port())
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 300))
    async with started_source(server.url, stream) as source:
        await fetched(source, 100, max_messages=100)
        for _ in range(4):
            await command(redis, "REPLICAOF", "127.0.0.1", free_port())
            with pytest.raises(UnavailableError):
                await source.fetch(100, 1 << 22, 0.1)
            await command(redis, "REPLICAOF", "NO", "ONE")
            (batch, *_) = await fetched(source, 100, max_messages=100)
            assert batch.attempts is None
        assert await counts(redis, stream) == [1] * 100
    await redis.aclose()


@pytest.mark.parametrize("ordering", ["strict", "none"])
async def test_a_fetch_that_is_cancelled_counts_nothing_and_skips_nothing(
    redis: Redis, redis_url: str, stream: str, ordering: str
) -> None:
    await add(redis, stream, numbered(0, 900))
    async with started_source(redis_url, stream, ordering=ordering) as source:
        came: list[Batch] = []
        for turn in range(200):
            fetch = asyncio.create_task(source.fetch(7, 1 << 20, 1))
            for _ in range(turn % 12):
                await asyncio.sleep(0)
            fetch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                came += await fetch
            came += await source.fetch(30, 1 << 20, 0.05)
            if sum(map(len, came)) >= 900:
                break
        assert values_of(came) == numbered(0, 900)
        assert {batch.attempts for batch in came} == {None}
        assert set(await counts(redis, stream)) == {1}


@pytest.mark.parametrize("ordering", ["strict", "none"])
@pytest.mark.parametrize("script", ["take_over", "take_over_from", "claim", "read"])
async def test_what_the_server_did_for_a_fetch_that_was_cancelled_is_not_left_behind(
    redis: Redis, redis_url: str, stream: str, ordering: str, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that are ours already, without our knowing, must come all the same, and not as handed out."""
    options = {"ordering": ordering, "lease": "1s"}
    await add(redis, stream, numbered(0, 50))
    async with started_source(redis_url, stream, **options) as first:
        await fetched(first, 30, max_messages=30)
    run = Client.run

    async def cut_short(client: Client, name: str, *words: Any) -> Any:
        reply = await run(client, name, *words)
        of_others = name != "take_over_from" or words[3] != words[4]  # the consumer who asks, the one asked about
        if name == script and of_others:
            monkeypatch.setattr(Client, "run", run)
            raise asyncio.CancelledError
        return reply

    async with started_source(redis_url, stream, **options) as second:
        monkeypatch.setattr(Client, "run", cut_short)
        came: list[Batch] = []
        for _ in range(20):
            with contextlib.suppress(asyncio.CancelledError):
                came += await second.fetch(50, 1 << 20, 0.3)
            if sum(map(len, came)) >= 50:
                break
        assert sorted(values_of(came), key=bytes_of) == numbered(0, 50)
        assert {batch.attempts for batch in came} == {None}


def bytes_of(value: bytes | None) -> bytes:
    return value or b""


# What goes alone


async def test_what_may_kill_waits_until_all_else_is_settled_and_nothing_goes_beside_it(
    redis: Redis, redis_url: str, stream: str
) -> None:
    streams = [f"{stream}-{number}" for number in range(3)]
    for name in streams:
        await add(redis, name, numbered(0, 40))
    first = new_source(redis_url, streams[1])
    await first.start()
    await first.fetch(1, 1 << 20, 1)
    await died(redis, first, streams[1])
    came: dict[str, list[bytes | None]] = {name: [] for name in streams}
    lonely = 0
    async with started_source(redis_url, *streams) as source:
        for _ in range(100):
            batches = await source.fetch(7, 1 << 20, 0.0)
            for batch in batches:
                came[batch.partition.topic] += batch.values
            if any(batch.attempts is not None for batch in batches):
                lonely += 1
                assert [(len(batch), batch.attempts) for batch in batches] == [(1, [2])]
                assert await source.fetch(7, 1 << 20, 0.05) == []
            await source.settle(batches)
        assert lonely == 1
    assert came == {name: numbered(0, 40) for name in streams}


async def test_a_fetch_goes_on_as_soon_as_what_goes_alone_is_settled(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 5))
    await fetched_and_died(redis, redis_url, stream, 5)
    async with started_source(redis_url, stream) as source:
        (batch,) = await source.fetch(5, 1 << 20, 1)
        assert values_of([batch]) == numbered(0, 1)
        waiting = asyncio.create_task(source.fetch(5, 1 << 20, 60))
        await asyncio.sleep(0)
        await source.settle([batch])
        (batch,) = await asyncio.wait_for(waiting, 30)
        assert values_of([batch]) == numbered(1, 2)


async def test_a_paused_stream_holds_up_no_other(redis: Redis, redis_url: str, stream: str) -> None:
    other = f"{stream}-other"
    await add(redis, stream, numbered(0, 5))
    await fetched_and_died(redis, redis_url, stream, 5)
    async with started_source(redis_url, stream, other) as source:
        (stuck,) = await source.fetch(5, 1 << 20, 1)
        source.pause(stuck.partition)
        await add(redis, other, numbered(0, 5))
        assert values_of(await fetched(source, 5)) == numbered(0, 5)
        source.resume(stuck.partition)
        await source.settle([stuck])


async def test_a_lone_message_that_did_not_reach_the_engine_comes_again(
    redis: Redis, redis_url: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(redis, stream, numbered(0, 3))
    await fetched_and_died(redis, redis_url, stream, 3)
    async with started_bridge(redis_url, stream) as (source, sink):
        (reader,) = source._readers
        (batch,) = await source.fetch(3, 1 << 20, 1)
        reader.unread()
        (again,) = await source.fetch(3, 1 << 20, 1)
        assert (values_of([again]), again.attempts) == (values_of([batch]), [2])
        await sink.publish_and_settle([again])
        for _ in range(2):
            await sink.publish_and_settle(await source.fetch(3, 1 << 20, 1))
    assert await pending(redis, stream) == 0


# What becomes of it


@pytest.mark.parametrize(("delivery", "ordering"), [("at_least_once", "strict"), ("exactly_once", "none")])
async def test_a_message_that_kills_its_process_ends_as_a_dead_letter_and_takes_none_along(
    redis: Redis, redis_url: str, stream: str, delivery: str, ordering: str
) -> None:
    other = f"{stream}-other"
    messages = [*numbered(0, 1500), POISON, *numbered(1500, 3000)]
    await add(redis, stream, messages)
    await add(redis, other, numbered(0, 3000))
    deaths = 0
    lease = "1s" if ordering == "none" else "60s"  # a consumer is dead once it was silent for so long
    while await outcome(redis_url, delivery, ordering, lease, stream, other) != 0:
        deaths += 1
        assert deaths < 20
        await forget_leases(redis, stream, other)
    ((name, value, mark, note),) = await entries(redis, f"{stream}.dead")
    assert (name, value, mark) == (b"d", POISON, b"aura.dead")
    told = Note.from_bytes(note)
    assert told is not None
    assert (told.error, told.attempts, deaths) == ("RefusedMessageError", 11, 10)
    assert await entries(redis, f"{other}.dead") == []
    for source, sent in ((stream, [*messages[:1500], *messages[1501:]]), (other, numbered(0, 3000))):
        arrived = [flat[1] for flat in await entries(redis, f"{source}.aura")]
        if delivery == "at_least_once":
            arrived = list(dict.fromkeys(arrived))
        assert (sorted(arrived) if ordering == "none" else arrived) == sent
        assert await pending(redis, source) == 0


async def outcome(*words: str) -> int:
    """Run a worker in a process of its own; return how that ended."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.integration.redis_crashes", *words)
    try:
        return await asyncio.wait_for(child.wait(), 60)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
async def test_thirty_deaths_at_random_make_no_dead_letter(
    redis: Redis, redis_url: str, stream: str, delivery: str
) -> None:
    chance = random.Random(7)
    await add(redis, stream, numbered(0, 20_000))
    for _ in range(30):
        worker, source = new_worker(redis_url, delivery, list, 400, [stream])
        running = asyncio.create_task(worker.run())
        before = await command(redis, "XLEN", f"{stream}.aura")

        async def begun(before: int = before, running: asyncio.Task[None] = running) -> bool:
            return running.done() or await command(redis, "XLEN", f"{stream}.aura") > before

        await eventually(begun, "anything that went over", pause=0.0)
        for _ in range(chance.randrange(400)):
            await asyncio.sleep(0)
        crash(source)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await forget_leases(redis, stream)
    assert await command(redis, "XLEN", f"{stream}.aura") < 20_000, "they died while there was work"
    worker, _ = new_worker(redis_url, delivery, list, 400, [stream])
    await worker.run()
    assert await entries(redis, f"{stream}.dead") == []
    arrived = [flat[1] for flat in await entries(redis, f"{stream}.aura")]
    if delivery == "at_least_once":
        arrived = list(dict.fromkeys(arrived))
    assert arrived == numbered(0, 20_000)
