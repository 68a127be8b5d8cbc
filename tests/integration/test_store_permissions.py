"""The least-privilege users of docs/template-store.md do their work, and are refused everything else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aura_connectors.redis_streams.journal import JournalOptions, RedisJournal
from aura_connectors.redis_streams.options import SharedLogOptions
from aura_connectors.redis_streams.shared_log import RedisSharedLog
from redis import exceptions
from redis.asyncio import Redis

from aura_stream.app.embedded import EmbeddedServer
from aura_stream.errors import ConfigError
from aura_stream.model import BEGINNING, LogRecord, LogState, Position
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import add, command, fetched, started_sink, started_source, values_of

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "template-store.md"
NAMESPACE = LogRecord(-1, 0, b"the namespace, and its digest of 16 bytes")
OPENING = LogRecord(0, -1, b"an opening, with a digest of 16 bytes too")
MADE = LogState("store-1", 0, Position(-1, 1), Position(-1, 1), 0, NAMESPACE.tail)
DIGEST = b"0123456789abcdef"
LOSING = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("DEL", "aura:{orders}:log"),
    ("DEL", "aura:{orders}:meta"),
    ("UNLINK", "aura:{orders}:log"),
    ("XTRIM", "aura:{orders}:log", "MAXLEN", "0"),
    ("XDEL", "aura:{orders}:log", "0-1"),
    ("XTRIM", "aura-journal-orders", "MAXLEN", "0"),
    ("DEL", "aura-journal-orders"),
    ("CONFIG", "SET", "maxmemory", "1"),
]
WRITING = [
    ("HSET", "aura:{orders}:meta", "active", "9:9"),
    ("XADD", "aura:{orders}:log", "*", "e", "x"),
    ("SADD", "aura:{orders}:retired", "x"),
    ("XADD", "aura-journal-orders", "*", "e", "x"),
    ("RENAME", "aura:{orders}:log", "aura:{orders}:gone"),
    ("EXPIRE", "aura:{orders}:log", "1"),
    ("EVAL", "return redis.call('HSET', KEYS[1], 'active', '9:9')", "1", "aura:{orders}:meta"),
    ("EVAL", "return redis.call('XADD', 'aura:{orders}:log', '*', 'e', 'x')", "0"),
]
ELSEWHERE = [
    ("HMGET", "aura:{payments}:meta", "end"),
    ("XRANGE", "aura:{payments}:log", "-", "+"),
    ("XRANGE", "aura-journal-payments", "-", "+"),
]


@dataclass
class Place:
    """A server on which nobody but its owner may do more than the page says."""

    server: EmbeddedServer
    owner: Redis

    def url(self, user: str) -> str:
        return self.server.url.replace("redis://", f"redis://{user}:password@")

    def log(self, user: str) -> RedisSharedLog:
        return RedisSharedLog(SharedLogOptions.model_validate({"url": self.url(user)}), "orders")

    def journal(self, user: str) -> RedisJournal:
        return RedisJournal(JournalOptions.model_validate({"url": self.url(user)}), "orders")

    async def refused(self, user: str, *words: str) -> bool:
        """Tell whether the server refuses this command to this user for want of rights."""
        client = raw_client(self.url(user))
        try:
            await client.execute_command(*words)
        except exceptions.NoPermissionError:
            return True
        except exceptions.ResponseError as error:
            return str(error).startswith(("ACL failure in script", "The user executing the script can't"))
        finally:
            await client.aclose()
        return False


@pytest_asyncio.fixture
async def place(start_each: StartRedis) -> AsyncIterator[Place]:
    server = start_each("--appendonly", "yes", "--appendfsync", "always")
    owner = raw_client(server.url)
    lines = re.findall(r"^ACL SETUSER .+$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(lines) == 5
    (old,) = [info is None for info in await command(owner, "COMMAND", "INFO", "WAITAOF")]
    for line in lines:
        if not (old and line.endswith("+waitaof")):
            await command(owner, *line.split())
    yield Place(server, owner)
    await owner.aclose()


async def promote(place: Place) -> None:
    """Do all that a promoter does."""
    log, journal = place.log("promoter"), place.journal("promoter")
    try:
        await journal.start(create=True)
        await journal.append([NAMESPACE.data, OPENING.data])
        assert list(await journal.read()) == [NAMESPACE.data, OPENING.data]
        await log.start()
        assert await log.read(BEGINNING, 10) is None
        assert await log.replace(MADE, [NAMESPACE], [])
        assert await log.propose(MADE, [OPENING], Position(0, 2))
        assert await log.activate(MADE, Position(0, 2), OPENING.tail)
        assert await log.retire(MADE, [DIGEST])
        later = LogState("store-1", 1, Position(0, 2), Position(0, 2), 1, OPENING.tail)
        assert await log.replace(later, [NAMESPACE, OPENING], [DIGEST])
    finally:
        await log.stop()
        await journal.stop()


@pytest.mark.parametrize("user", ["reader", "worker"])
async def test_a_reader_follows_the_log_and_reads_the_journal(place: Place, user: str) -> None:
    await promote(place)
    log, journal = place.log(user), place.journal(user)
    try:
        await log.start()
        reading = await log.read(BEGINNING, 10)
        assert reading is not None
        assert list(reading.records) == [NAMESPACE, OPENING]
        assert reading.retired == frozenset([DIGEST])
        await journal.start(create=False)
        assert list(await journal.read()) == [NAMESPACE.data, OPENING.data]
    finally:
        await log.stop()
        await journal.stop()


@pytest.mark.parametrize("user", ["reader", "worker"])
async def test_a_reader_writes_neither_log_nor_journal(place: Place, user: str) -> None:
    await promote(place)
    log, journal = place.log(user), place.journal(user)
    state = LogState("store-1", 1, Position(0, 2), Position(0, 2), 1, OPENING.tail)
    try:
        await log.start()
        for call in (
            log.propose(state, [LogRecord(0, 2, OPENING.data)], Position(0, 3)),
            log.activate(state, Position(0, 2), OPENING.tail),
            log.retire(state, [b"fedcba9876543210"]),
            log.replace(LogState("store-2", 0, MADE.end, MADE.end, 0, NAMESPACE.tail), [NAMESPACE], []),
        ):
            with pytest.raises(ConfigError, match="permission"):
                await call
        with pytest.raises(ConfigError):
            await journal.start(create=True)
        await journal.start(create=False)
        with pytest.raises(ConfigError, match="permission"):
            await journal.append([b"one"])
        reading = await log.read(BEGINNING, 10)
        assert reading is not None
        assert reading.state == state
        assert await command(place.owner, "XLEN", "aura-journal-orders") == 2
    finally:
        await log.stop()
        await journal.stop()


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
@pytest.mark.parametrize("user", ["reader", "worker"])
async def test_no_command_of_a_reader_changes_the_store(place: Place, user: str, words: tuple[str, ...]) -> None:
    await promote(place)
    assert await place.refused(user, *words)


@pytest.mark.parametrize("words", LOSING, ids=" ".join)
@pytest.mark.parametrize("user", ["reader", "worker", "promoter"])
async def test_nobody_can_throw_the_store_away(place: Place, user: str, words: tuple[str, ...]) -> None:
    await promote(place)
    assert await place.refused(user, *words)


@pytest.mark.parametrize("words", ELSEWHERE, ids=" ".join)
@pytest.mark.parametrize("user", ["reader", "worker", "promoter"])
async def test_another_namespace_is_closed(place: Place, user: str, words: tuple[str, ...]) -> None:
    assert await place.refused(user, *words)


async def test_a_worker_reads_and_writes_its_streams_too(place: Place) -> None:
    await add(place.owner, "orders.raw", [b"one", b"two"])
    url = place.url("worker")
    async with (
        started_source(url, "orders.raw", delete_settled=True) as source,
        started_sink(url, "orders.raw") as sink,
    ):
        batches = await fetched(source, 2)
        assert values_of(batches) == [b"one", b"two"]
        await sink.publish(batches)
        await source.settle(batches)
    assert await command(place.owner, "XLEN", "orders.raw.aura") == 2
    assert await command(place.owner, "XLEN", "orders.raw") == 0
