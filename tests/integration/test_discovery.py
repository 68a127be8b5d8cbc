"""Discovery beside running bridges: what it finds is used within seconds, and nothing that befalls it costs a message."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.embedded import EmbeddedServer, free_port
from aura_stream.app.opening import opened_store
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.config import parse_config
from tests.infra.kafka.tools import create_topic
from tests.infra.redis import StartRedis
from tests.integration.bridge_systems import KafkaSystem, Process, RedisSystem, System, eventually
from tests.integration.learning_tools import SHAPES, Shared, Traffic

pytestmark = [pytest.mark.integration, pytest.mark.untraced]

FIRST, LATER = SHAPES[:2], SHAPES[2:]
SECRETS = (b"4111 1111 1111 1111", b"sk-live-51HbZqLkJ3x9vQeYtR7wPmN2", b"jane.doe.1984@example.com", b"hunter2hunter2")
PORTION = 100
PATIENCE = 180.0  # seconds; learning takes a few of computing, which others may need at the same time


@pytest.fixture
def store_server(start_redis: StartRedis, tmp_path: Path) -> EmbeddedServer:
    """A Redis for the store alone, on a port that stays its own."""
    folder = tmp_path / "store"
    folder.mkdir()
    return start_redis(port=free_port(), directory=folder)


@pytest_asyncio.fixture
async def shared(
    request: pytest.FixtureRequest, redis: Redis, redis_url: str, store_server: EmbeddedServer, tmp_path: Path
) -> Shared:
    topic = f"learned-{uuid4().hex[:10]}"
    system: System = RedisSystem(redis, redis_url)
    if getattr(request, "param", "redis_streams") == "kafka":
        servers = request.getfixturevalue("kafka")
        system = KafkaSystem(servers)
        for each in (topic, f"{topic}.aura", f"{topic}.restored"):
            await create_topic(servers, each)
    return Shared(system, topic, store_server.url, tmp_path)


class Running:
    """Bridges and discovery of one namespace; `traffic` flows as long as something is waited for."""

    def __init__(self, shared: Shared, folder: Path) -> None:
        self.shared = shared
        self.folder = folder
        self.traffic = Traffic()

    def bridge(self) -> Process:
        return Process(self.folder, self.shared.encode())

    def discovery(self, *options: str) -> Process:
        return Process(self.folder, self.shared.encode(), *options, verb="discover")

    async def until(self, what: str, condition: Callable[[], bool], shapes: tuple[str, ...]) -> None:
        """Write messages of these shapes until the condition holds."""

        async def holds() -> bool:
            await self.shared.write(self.traffic.next(PORTION, shapes))
            return condition()

        await eventually(what, holds, PATIENCE)

    async def until_written_with_templates(self, shapes: tuple[str, ...]) -> None:
        """Write messages of these shapes until the last frames are much smaller than they are."""

        async def small() -> bool:
            portion = self.traffic.next(PORTION, shapes)
            await self.shared.write(portion)
            frames = await self.shared.last_frames(PORTION)
            return sum(map(len, frames)) * 2.5 < sum(map(len, portion))

        await eventually("frames of the new templates", small, PATIENCE)

    async def frames(self) -> list[bytes]:
        return [value for value in await self.shared.system.values(self.shared.frames) if value is not None]

    async def all_bridged(self) -> None:
        async def through() -> bool:
            return len(await self.frames()) >= len(self.traffic.written)

        await eventually("all messages on the other side", through)

    async def restored(self) -> list[bytes]:
        """Restore everything by a process that has never seen any of this."""
        name = f"{self.shared.topic}.restored"
        with Process(self.folder, self.shared.decode(name), "--once") as decoder:
            assert decoder.wait() == 0, decoder.errors()
        return [value for value in await self.shared.system.values(name) if value is not None]

    async def book(self) -> Codebook:
        config = parse_config(self.shared.encode(), "looked at", option_models(InstalledConnectors()), {})
        async with opened_store(config, InstalledConnectors()) as (_, book):
            return book


@pytest.fixture
def running(shared: Shared, tmp_path: Path) -> Running:
    return Running(shared, tmp_path)


def promotions(process: Process) -> int:
    return process.errors().count("INFO    promoted ")


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def stop(process: Process) -> None:
    process.popen.send_signal(signal.SIGTERM)
    assert process.wait() == 0, process.errors()


@pytest.mark.parametrize("shared", ["redis_streams", "kafka"], indirect=True)
async def test_a_running_bridge_writes_with_what_discovery_finds_and_goes_on_learning(running: Running) -> None:
    with running.bridge() as bridge, running.discovery() as discovery:
        await running.until("a promotion", lambda: promotions(discovery) >= 1, FIRST)
        await running.until_written_with_templates(FIRST)
        before = promotions(discovery)
        await running.until("another, after the shape has changed", lambda: promotions(discovery) > before, LATER)
        await running.until_written_with_templates(LATER)
        stop(discovery)
        await running.all_bridged()
        stop(bridge)
    frames = await running.frames()
    assert HybridCodec(Codebook()).decode_batch(frames[:50]) == running.traffic.written[:50]  # nothing was known then
    assert await running.restored() == running.traffic.written


async def test_a_discovery_that_is_killed_goes_on_where_it_was(running: Running) -> None:
    with running.bridge() as bridge:
        with running.discovery() as discovery:
            await running.until("a promotion", lambda: promotions(discovery) >= 1, FIRST)
            discovery.popen.send_signal(signal.SIGKILL)
            discovery.wait()
        await running.until_written_with_templates(FIRST)
        known = await running.book()
        with running.discovery() as discovery:
            await running.until("more, after the shape has changed", lambda: promotions(discovery) >= 1, LATER)
            await running.until_written_with_templates(LATER)
            stop(discovery)
        await running.all_bridged()
        stop(bridge)
    assert known.is_prefix_of(await running.book())
    assert await running.restored() == running.traffic.written


async def test_a_store_that_comes_back_empty_is_rebuilt_and_learned_into(
    running: Running, store_server: EmbeddedServer, start_redis: StartRedis, tmp_path: Path
) -> None:
    with running.bridge() as bridge, running.discovery() as discovery:
        await running.until("a promotion", lambda: promotions(discovery) >= 1, FIRST)
        await running.until_written_with_templates(FIRST)
        await asyncio.to_thread(store_server.stop)
        await running.until("word of it", lambda: "going on with the book known here" in bridge.errors(), FIRST)
        await running.until_written_with_templates(FIRST)  # none of them waits for the store
        start_redis(port=store_server.port, directory=tmp_path / "store")
        await running.until("the rebuilt store", lambda: "was rebuilt" in bridge.errors(), FIRST)
        before = promotions(discovery)
        await running.until("more", lambda: promotions(discovery) > before, LATER)
        await running.until_written_with_templates(LATER)
        stop(discovery)
        await running.all_bridged()
        stop(bridge)
    assert await running.restored() == running.traffic.written


async def test_once_it_learns_from_the_past(running: Running) -> None:
    await running.shared.write(running.traffic.next(3000))
    with running.discovery("--once", "--explain") as discovery:
        assert discovery.wait() == 0, discovery.errors()
    assert promotions(discovery) >= 1
    with Process(running.folder, running.shared.encode(), "--once") as bridge:
        assert bridge.wait() == 0, bridge.errors()
    frames = await running.frames()
    assert sum(map(len, frames)) * 2.5 < sum(map(len, running.traffic.written))
    assert await running.restored() == running.traffic.written
    raw = await running.shared.system.values(running.shared.topic)
    assert raw == running.traffic.written  # nothing was taken away


async def test_private_values_stand_nowhere_but_in_frames(running: Running, tmp_path: Path, redis: Redis) -> None:
    messages = [
        b"user %s paid with %s key=%s password=%s order %d" % (SECRETS[2], SECRETS[0], SECRETS[1], SECRETS[3], number)
        for number in range(400)
    ]
    await running.shared.write(messages)
    with running.discovery("--once", "--explain") as discovery:
        assert discovery.wait() == 0, discovery.errors()
    book = await running.book()
    literals = b"\0".join(text for each in book.generations for made in each.templates for text in made.literals)
    literals += b"".join(each.dictionary for each in book.generations)
    journal = await redis.xrange(f"aura-journal-{running.shared.topic}")
    files = contents(tmp_path)
    assert literals
    assert journal
    assert len(files) > 3  # configuration, log, mirror, checkpoint
    for secret in SECRETS:
        assert secret not in literals
        assert secret not in repr(journal).encode()
        assert [content for content in files if secret in content] == []
    codec = HybridCodec(book)
    assert codec.decode_batch(codec.encode_batch(messages)) == messages
