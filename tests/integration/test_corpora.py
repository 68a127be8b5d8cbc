"""Every message of real traffic of 26 kinds, through a Kafka and through a Redis bridge pair, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio import Redis

from aura_stream.codec import Codebook
from aura_stream.mining import Miner
from tests.integration.bridge_systems import KafkaSystem, RedisSystem, System, configuration, run_once

pytestmark = [pytest.mark.integration, pytest.mark.corpora]

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
TRAINED_ON = 200  # messages of each file: enough that templates take part, and soon done
PATIENCE = 900.0  # seconds; 150,000 messages, most of them of shapes never seen


@pytest.fixture(scope="module")
def messages() -> dict[str, list[bytes]]:
    """All messages by file, one a line."""
    files = [path for path in sorted(CORPORA.glob("*")) if path.name != "README.md"]
    if not files:
        pytest.skip(f"no corpora in {CORPORA}")
    return {path.name: path.read_bytes().removesuffix(b"\n").split(b"\n") for path in files}


@pytest.fixture(scope="module")
def corpora_book(messages: dict[str, list[bytes]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codebook that was trained on a little of each file."""
    path = tmp_path_factory.mktemp("corpora") / "corpora.book"
    miner, empty = Miner(), Codebook()
    for lines in messages.values():
        miner.observe(lines[:TRAINED_ON])
    empty.extended(miner.propose(empty)).save(path)
    return path


async def test_through_kafka(kafka: str, messages: dict[str, list[bytes]], corpora_book: Path) -> None:
    system = KafkaSystem(kafka)
    system.partitions = 1
    await _there_and_back(system, messages, corpora_book)


async def test_through_redis(
    redis: Redis, redis_url: str, messages: dict[str, list[bytes]], corpora_book: Path
) -> None:
    await _there_and_back(RedisSystem(redis, redis_url), messages, corpora_book)


async def _there_and_back(system: System, messages: dict[str, list[bytes]], book: Path) -> None:
    everything = [message for lines in messages.values() for message in lines]
    topic, frames, restored = "corpora", "corpora.aura", "corpora.restored"
    await system.write(topic, everything)
    encoded = await run_once(configuration("encode", system, topic, system, frames, book), PATIENCE)
    decoded = await run_once(configuration("decode", system, frames, system, restored, book), PATIENCE)
    assert encoded.settled == decoded.settled == len(everything)
    assert encoded.bytes_out < encoded.bytes_in / 2
    assert list(await system.values(restored)) == everything
