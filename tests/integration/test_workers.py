"""Real worker processes that share an input, take over from each other, and outlast their servers."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError

from aura_stream.app.embedded import free_port
from aura_stream.codec import Codebook, HybridCodec
from tests.infra.kafka.broker import Broker
from tests.infra.kafka.tools import read_all
from tests.infra.redis import StartRedis, raw_client
from tests.integration.bridge_systems import (
    KafkaSystem,
    Process,
    RedisSystem,
    System,
    book,
    configuration,
    eventually,
    run_once,
    sample_messages,
)

__all__ = ["book"]

pytestmark = [pytest.mark.integration, pytest.mark.untraced]

COUNT = 20_000  # enough that the last worker still has something to do
FEWER = 6_000
SMALL = {"max_messages": 100}


@pytest.fixture
def topic() -> str:
    return f"workers-{uuid4().hex[:10]}"


def numbered(count: int) -> list[bytes]:
    return [b"%06d %s" % (row, message) for row, message in enumerate(sample_messages(count))]


async def arrived(system: System, output: str, count: int) -> None:
    async def enough() -> bool:
        return len(await system.values(output)) >= count

    await eventually(f"{count} frames", enough)


async def decoded(system: System, output: str, path: Path) -> list[bytes]:
    frames = [frame for frame in await system.values(output) if frame is not None]
    return HybridCodec(Codebook.load(path)).decode_batch(frames)


async def test_kafka_workers_share_partitions_come_and_go_and_lose_nothing(
    kafka: str, topic: str, book: Path, tmp_path: Path
) -> None:
    system, output = KafkaSystem(kafka), f"{topic}.aura"
    system.partitions = 4
    await system.write(topic, numbered(COUNT))
    text = configuration("encode", system, topic, system, output, book, batch=SMALL)
    with Process(tmp_path, text) as first:
        await arrived(system, output, 200)
        with Process(tmp_path, text) as second:
            await arrived(system, output, 6000)
            first.popen.send_signal(signal.SIGTERM)
            assert first.wait() == 0, first.errors()
            await arrived(system, output, 9000)
            second.popen.kill()
    await run_once(text)

    came: dict[int, list[bytes]] = defaultdict(list)
    codec = HybridCodec(Codebook.load(book))
    for record in await read_all(kafka, output):
        assert record.value is not None
        came[record.partition].append(codec.decode(record.value))
    quarter = COUNT // 4
    for partition in range(4):
        expected = numbered(COUNT)[partition * quarter : (partition + 1) * quarter]
        assert list(dict.fromkeys(came[partition])) == expected


async def test_a_redis_worker_takes_over_from_one_that_was_killed(
    redis: Redis, redis_url: str, topic: str, book: Path, tmp_path: Path
) -> None:
    system, output = RedisSystem(redis, redis_url), f"{topic}.aura"
    await system.write(topic, numbered(COUNT))
    text = configuration("encode", system, topic, system, output, book, batch=SMALL)
    with Process(tmp_path, text) as first, Process(tmp_path, text) as second:
        await arrived(system, output, 500)
        # Whichever holds the lease, the other one waits; kill both in turn, and a third goes on.
        first.popen.kill()
        await arrived(system, output, 5000)
        second.popen.kill()
    await run_once(text)
    assert list(dict.fromkeys(await decoded(system, output, book))) == numbered(COUNT)


async def test_a_worker_outlasts_its_kafka(secure_kafka: Broker, topic: str, book: Path, tmp_path: Path) -> None:
    system, output = KafkaSystem(secure_kafka.servers), f"{topic}.aura"
    system.partitions = 1
    await system.write(topic, numbered(FEWER))
    text = configuration("encode", system, topic, system, output, book, batch=SMALL)
    with Process(tmp_path, text) as process:
        await arrived(system, output, 500)
        await asyncio.to_thread(secure_kafka.stop, hard=True)
        try:
            await eventually("a word about the outage", lambda: _told(process, "unavailable, trying again"))
        finally:
            await asyncio.to_thread(secure_kafka.start)
        await arrived(system, output, FEWER)
        process.popen.send_signal(signal.SIGTERM)
        assert process.wait() == 0, process.errors()
    assert "available again" in process.errors()
    assert list(dict.fromkeys(await decoded(system, output, book))) == numbered(FEWER)


async def test_a_worker_outlasts_its_redis(start_redis: StartRedis, topic: str, book: Path, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "redis"
    folder.mkdir()
    durable = ("--appendonly", "yes", "--appendfsync", "always")
    server = start_redis(*durable, port=port, directory=folder)
    client = raw_client(server.url)
    try:
        system, output = RedisSystem(client, server.url), f"{topic}.aura"
        await system.write(topic, numbered(FEWER))
        text = configuration("encode", system, topic, system, output, book, batch=SMALL)
        with Process(tmp_path, text) as process:
            await arrived(system, output, 500)
            await asyncio.to_thread(server.stop)
            await eventually("a word about the outage", lambda: _told(process, "unavailable, trying again"))
            start_redis(*durable, port=port, directory=folder)
            await eventually("the end of loading", lambda: _loaded(client))
            await arrived(system, output, FEWER)
            process.popen.send_signal(signal.SIGTERM)
            assert process.wait() == 0, process.errors()
        assert list(dict.fromkeys(await decoded(system, output, book))) == numbered(FEWER)
    finally:
        await client.aclose()


async def _loaded(client: Redis) -> bool:
    try:
        return bool(await client.ping())
    except BusyLoadingError:
        return False


async def _told(process: Process, what: str) -> bool:
    return what in process.errors()
