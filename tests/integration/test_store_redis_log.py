"""The shared log on a real Redis, where its keys are not as they should be and its server not as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aura_connectors.redis_streams import shared_log as module
from aura_connectors.redis_streams.log_layout import STRANGE, Keys
from aura_connectors.redis_streams.options import SharedLogOptions
from aura_connectors.redis_streams.shared_log import RedisSharedLog, maker
from redis.asyncio import Redis
from redis.crc import key_slot

from aura_stream.errors import ConfigError, StoreLostError, UnavailableError
from aura_stream.model import BEGINNING, LogReading, LogRecord, LogState, Position
from aura_stream.testing.shared_log_conformance import MADE, NAMESPACE, OPENING, a_record, templates
from tests.infra.proxy import proxy_to
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import command, eventually

pytestmark = pytest.mark.integration

MANY = 10_000


@pytest.fixture
def namespace() -> str:
    return f"orders-{uuid4().hex[:12]}"


@asynccontextmanager
async def started(url: str, namespace: str) -> AsyncIterator[RedisSharedLog]:
    log = RedisSharedLog(SharedLogOptions.model_validate({"url": url}), namespace)
    try:
        await log.start()
        yield log
    finally:
        await log.stop()


@asynccontextmanager
async def filled(url: str, namespace: str) -> AsyncIterator[tuple[RedisSharedLog, LogState]]:
    """A log with an opening of two templates and one more."""
    async with started(url, namespace) as log:
        assert await log.replace(MADE, [NAMESPACE], [])
        last = a_record(0, 2)
        assert await log.propose(MADE, [OPENING, last], Position(0, 3))
        yield log, replace(MADE, end=Position(0, 3), tail=last.tail)


async def read(log: RedisSharedLog, after: Position = BEGINNING) -> LogReading:
    reading = await log.read(after, MANY + 10)
    assert reading is not None
    return reading


def keys(namespace: str) -> Keys:
    return Keys.of("aura", namespace)


# What lies in Redis


async def test_the_layout_is_the_documented_one(redis_url: str, redis: Redis, namespace: str) -> None:
    async with filled(redis_url, namespace) as (log, state):
        assert await log.retire(state, [b"0123456789abcdef"])
    stem = f"aura:{{{namespace}}}"
    assert await command(redis, "HGETALL", f"{stem}:meta") == [
        *(b"format", b"1", b"store_id", b"store-1", b"epoch", b"0", b"end", b"0:3"),
        *(b"active", b"-1:1", b"tail", state.tail),
    ]
    entries = await command(redis, "XRANGE", f"{stem}:log", "-", "+")
    assert [entry for entry, _ in entries] == [b"0-1", b"1-0", b"1-3"]
    assert {tuple(fields[::2]) for _, fields in entries} == {(b"e",)}
    assert await command(redis, "SMEMBERS", f"{stem}:retired") == [b"0123456789abcdef"]
    assert sorted(await command(redis, "KEYS", f"*{namespace}*")) == [
        f"{stem}:{name}".encode() for name in ("log", "meta", "retired")
    ]
    assert len({key_slot(f"{stem}:{name}".encode()) for name in ("log", "meta", "retired", "log:1")}) == 1


async def test_what_replaced_a_log_never_expires_and_leaves_nothing_behind(
    redis_url: str, redis: Redis, namespace: str
) -> None:
    async with filled(redis_url, namespace) as (log, state):
        assert await log.retire(state, [b"0123456789abcdef"])
        assert await log.replace(replace(MADE, epoch=1), [NAMESPACE, OPENING], [b"fedcba9876543210"])
    for key in (keys(namespace).meta, keys(namespace).log, keys(namespace).retired):
        assert await command(redis, "TTL", key) == -1
    for key in await command(redis, "KEYS", f"*{namespace}*"):
        if key not in (keys(namespace).meta, keys(namespace).log, keys(namespace).retired):
            assert 0 < await command(redis, "TTL", key) <= module.STAGED_FOR


async def test_ten_thousand_templates_go_through_each_call(redis_url: str, namespace: str) -> None:
    async with filled(redis_url, namespace) as (log, state):
        records = templates(0, 3, MANY, b"x" * 150)
        assert await log.propose(state, records, Position(0, MANY))
        assert await log.activate(state, Position(0, MANY), records[-1].tail)
        digests = [b"%016d" % number for number in range(MANY)]
        assert await log.retire(state, digests)
        reading = await read(log)
        assert list(reading.records) == [NAMESPACE, OPENING, a_record(0, 2), *records]
        assert reading.retired == frozenset(digests)
        later = replace(reading.state, epoch=1, retired=0)
        assert await log.replace(later, reading.records, digests)
        rebuilt = await read(log)
        assert rebuilt.records == reading.records
        assert rebuilt.state == replace(later, retired=MANY)


# What others did to it


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("store_id", b""),
        ("store_id", b"\xff\xfe"),
        ("store_id", b"a" * 101),
        ("epoch", b"one"),
        ("epoch", b"-1"),
        ("epoch", b"1e3"),
        ("epoch", b"9" * 400),
        ("end", b"inf:0"),
        ("end", b"0:-3"),
        ("end", b"0"),
        ("end", b"00:3"),
        ("end", b"-2:0"),
        ("active", b""),
        ("active", b"0:999"),
        ("active", b"nan:nan"),
        ("format", b"0"),
        ("format", b"json"),
    ],
)
async def test_a_hash_that_is_not_ours_reads_as_another_store_and_can_be_replaced(
    redis_url: str, redis: Redis, namespace: str, field: str, value: bytes
) -> None:
    async with filled(redis_url, namespace) as (log, state):
        await command(redis, "HSET", keys(namespace).meta, field, value)
        assert await read(log) == LogReading(STRANGE)
        for _ in range(2):  # the second proposal is decided on what was read
            assert not await log.propose(STRANGE, [a_record(0, 3)], Position(0, 4))
        rebuilt = replace(state, epoch=1)
        assert await log.replace(rebuilt, [NAMESPACE, OPENING, a_record(0, 2)], [])
        assert (await read(log)).state == rebuilt


@pytest.mark.parametrize("field", ["format", "store_id", "epoch", "end", "active"])
async def test_a_hash_that_lacks_a_field_reads_as_another_store(
    redis_url: str, redis: Redis, namespace: str, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with filled(redis_url, namespace) as (log, _):
        await command(redis, "HDEL", keys(namespace).meta, field)
        for _ in range(3):
            assert await read(log) == LogReading(STRANGE)
    assert caplog.text.count("not written by us") == 1


async def test_a_later_format_is_refused_and_not_overwritten(redis_url: str, redis: Redis, namespace: str) -> None:
    async with filled(redis_url, namespace) as (log, _):
        await command(redis, "HSET", keys(namespace).meta, "format", "2")
        with pytest.raises(ConfigError, match="format 2"):
            await read(log)
        with pytest.raises(ConfigError, match="later format"):
            await log.replace(replace(MADE, store_id="store-2"), [NAMESPACE], [])
        assert await command(redis, "XLEN", keys(namespace).log) == 3


async def test_a_key_of_another_type_is_a_matter_of_configuration(redis_url: str, redis: Redis, namespace: str) -> None:
    await command(redis, "SET", keys(namespace).log, "a string")
    async with started(redis_url, namespace) as log:
        with pytest.raises(ConfigError, match="WRONGTYPE"):
            await log.read(BEGINNING, 10)


async def test_entries_that_are_none_of_ours_read_as_damaged_records(
    redis_url: str, redis: Redis, namespace: str
) -> None:
    async with filled(redis_url, namespace) as (log, _):
        await command(redis, "XADD", keys(namespace).log, "1-4", "other", "x", "e", "y")
        await command(redis, "XADD", keys(namespace).log, f"{2**64 - 1}-{2**64 - 1}", "e", "")
        records = (await read(log, Position(0, 3))).records
        assert records == [LogRecord(0, 3, b""), LogRecord(2**64 - 2, 2**64 - 2, b"")]


@pytest.mark.parametrize("damage", ["gone", "cut", "ahead"])
async def test_nothing_is_appended_to_a_log_that_does_not_end_where_its_hash_says(
    redis_url: str, redis: Redis, namespace: str, damage: str
) -> None:
    async with filled(redis_url, namespace) as (log, state):
        log_key = keys(namespace).log
        if damage == "gone":
            await command(redis, "DEL", log_key)
        elif damage == "cut":
            await command(redis, "XDEL", log_key, "1-3")
        else:
            await command(redis, "XADD", log_key, "1-9", "e", "x")
        before = await command(redis, "XRANGE", log_key, "-", "+")
        with pytest.raises(StoreLostError, match="does not end"):
            await log.propose(state, [a_record(0, 3), a_record(0, 4)], Position(0, 5))
        assert await command(redis, "XRANGE", log_key, "-", "+") == before
        assert (await read(log)).state == state


async def test_a_number_that_was_given_is_refused_by_redis_itself(redis_url: str, redis: Redis, namespace: str) -> None:
    async with filled(redis_url, namespace) as (log, state):
        await command(redis, "XADD", keys(namespace).log, "1-4", "e", "theirs")
        await command(redis, "XDEL", keys(namespace).log, "1-4")  # the stream remembers
        with pytest.raises(StoreLostError):
            await log.propose(state, [a_record(0, 3)], Position(0, 4))
        assert (await read(log)).state == state


async def test_readers_see_the_old_log_or_the_new_one_whole(redis_url: str, namespace: str) -> None:
    done = asyncio.Event()

    async def watch() -> set[int]:
        seen = set()
        async with started(redis_url, namespace) as reader:
            while not done.is_set():
                reading = await read(reader)
                epoch = reading.state.epoch
                expected = [NAMESPACE, OPENING, *templates(0, 2, 1000 + epoch)]
                assert list(reading.records) == expected
                assert reading.state == logs[epoch]
                seen.add(epoch)
        return seen

    logs = {}
    for epoch in range(30):
        end = Position(0, 1000 + epoch)
        logs[epoch] = LogState("store-1", epoch, end, end, 0, a_record(0, end.length - 1).tail)
    async with started(redis_url, namespace) as log:
        assert await log.replace(logs[0], [NAMESPACE, OPENING, *templates(0, 2, 1000)], [])
        watching = asyncio.create_task(watch())
        for epoch in range(1, 30):
            assert await log.replace(logs[epoch], [NAMESPACE, OPENING, *templates(0, 2, 1000 + epoch)], [])
        done.set()
        assert len(await watching) > 1


async def test_a_reading_into_which_somebody_writes_is_taken_again(
    redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filled(redis_url, namespace) as (log, state), started(redis_url, namespace) as writer:
        client = log._connected
        together = client.pipeline
        later = replace(MADE, epoch=1)
        readings = 0

        async def apart(*commands: Sequence[bytes | str | int]) -> list[Any]:
            nonlocal readings
            readings += 1
            first = await together(commands[0])
            if readings == 1:  # between the hash and the entries
                assert await writer.replace(later, [NAMESPACE], [])
            return [*first, *await together(*commands[1:])]

        monkeypatch.setattr(client, "pipeline", apart)
        assert await read(log) == LogReading(later, [NAMESPACE])
        assert readings == 2
        assert state.epoch == 0


# What the server did


async def test_a_server_that_answers_after_two_seconds_works(start_redis: StartRedis, namespace: str) -> None:
    server = start_redis()
    async with proxy_to(server.port) as proxy:
        proxy.delay = 2.0
        async with filled(f"redis://127.0.0.1:{proxy.port}/0", namespace) as (log, state):
            assert await log.activate(state, Position(0, 3), state.tail)
            assert (await read(log)).state.active == Position(0, 3)


async def test_a_silent_server_is_unavailable_within_the_bound_and_back_by_itself(
    start_redis: StartRedis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALL_TIMEOUT", 0.3)
    server = start_redis()
    async with proxy_to(server.port) as proxy, filled(f"redis://127.0.0.1:{proxy.port}/0", namespace) as (log, state):
        proxy.blackhole = True
        for call in (log.read(BEGINNING, 10), log.activate(state, state.end, state.tail)):
            with pytest.raises(UnavailableError, match="does not answer"):
                await call
        proxy.blackhole = False

        async def answers() -> bool:
            try:
                return (await read(log)).state.store_id == "store-1"
            except UnavailableError:
                return False

        await eventually(answers, "an answer")
        await proxy.down()
        with pytest.raises(UnavailableError):
            await log.read(BEGINNING, 10)
        await proxy.up()
        assert len((await read(log)).records) == 3


async def test_a_full_server_takes_no_proposal_and_keeps_what_it_has(start_redis: StartRedis, namespace: str) -> None:
    server = start_redis()
    owner = raw_client(server.url)
    async with filled(server.url, namespace) as (log, state):
        await command(owner, "CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(UnavailableError, match="takes no writes"):
            await log.propose(state, [a_record(0, 3)], Position(0, 4))
        assert (await read(log)).state == state
    await owner.aclose()


def test_the_options_are_those_of_a_connection() -> None:
    options = maker.options.model_validate({"url": "redis://:geheim@localhost/3", "prefix": "acme"})
    assert "geheim" not in repr(options)
    assert isinstance(maker.shared_log(options, "orders"), RedisSharedLog)
    with pytest.raises(ValueError, match="prefix"):
        maker.options.model_validate({"url": "redis://localhost", "prefix": "{acme}"})
