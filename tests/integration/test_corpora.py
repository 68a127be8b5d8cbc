"""Every message of every real file through the codec; the first ones of each through bridge pairs on Kafka and Redis.

With AURA_CORPORA_FULL=1 the bridges take every message too, which takes minutes and shows what the codec has shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from aura_stream import Codebook, HybridCodec, Miner
from tests.corpora import FOLDER, NAMES, messages_of, pytestmark_corpora, start_of
from tests.infra.kafka.tools import Record, create_topic, produce
from tests.integration.bridge_systems import KafkaSystem, RedisSystem, System, configuration, run_once

pytestmark = pytestmark_corpora

OWN_TRAINING = 96 << 10  # bytes of a file that its own codebook is trained on
SHARED_TRAINING = 24 << 10  # bytes of each file that the bridges' codebook is trained on
BRIDGED = 1 << 30 if os.environ.get("AURA_CORPORA_FULL") else 200 << 10  # bytes of each file
PATIENCE = 500.0  # seconds for all 35 MB on a loaded machine
# The long tests first, and the short ones last, so that all workers come to an end together.
BY_SIZE = sorted(NAMES, key=lambda name: -(FOLDER / name).stat().st_size)


@pytest.fixture(scope="module")
def shared_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One codebook for all files."""
    miner = Miner()
    for name in NAMES:
        miner.observe(start_of(name, SHARED_TRAINING))
    path = tmp_path_factory.mktemp("book") / "corpora.book"
    Codebook().extended(miner.propose(Codebook())).save(path)
    return path


class _ManyTopics:
    """A system whose input is several topics, with sessions so long that a busy machine repeats nothing."""

    def __init__(self, system: System, key: str, **more: str) -> None:
        self._system = system
        self._key = key
        self._more = more
        self.name = system.name

    def input(self, topics: list[str]) -> Mapping[str, Any]:
        return {**self._system.input("corpora"), **self._more, self._key: topics}

    def output(self, topic: str) -> Mapping[str, Any]:
        return self._system.output(topic)


def _bridged(name: str) -> list[bytes]:
    """Return the first messages of a file, so many bytes of them, and one at least."""
    messages = messages_of(name)
    ends = accumulate(map(len, messages))
    return [message for message, end in zip(messages, ends, strict=True) if end - len(message) < BRIDGED]


async def _there_and_back(system: System, many: Any, prefix: str, book: Path) -> None:
    raw = [f"{prefix}{name}" for name in NAMES]
    encoded = await run_once(configuration("encode", many, raw, many, "{source}.aura", book), PATIENCE)
    frames = [f"{topic}.aura" for topic in raw]
    decoded = await run_once(configuration("decode", many, frames, many, "{source}.restored", book), PATIENCE)
    total = sum(len(_bridged(name)) for name in NAMES)
    assert encoded.settled == decoded.settled == total
    assert encoded.bytes_out * 2 < encoded.bytes_in
    for name in NAMES:
        restored = await system.values(f"{prefix}{name}.aura.restored")
        assert restored == _bridged(name), f"{name} differs"


@pytest.mark.integration
async def test_messages_of_every_file_come_back_from_a_kafka_bridge_pair(kafka: str, shared_book: Path) -> None:
    system, prefix = KafkaSystem(kafka), f"corpora-{uuid4().hex[:8]}-"
    for name in NAMES:
        await create_topic(kafka, prefix + name)
        await produce(kafka, prefix + name, [Record(message) for message in _bridged(name)])
    await _there_and_back(system, _ManyTopics(system, "topics", session_timeout="45s"), prefix, shared_book)


@pytest.mark.integration
async def test_messages_of_every_file_come_back_from_a_redis_bridge_pair(
    redis: Redis, redis_url: str, shared_book: Path
) -> None:
    system, prefix = RedisSystem(redis, redis_url), f"corpora-{uuid4().hex[:8]}-"
    for name in NAMES:
        pipeline = redis.pipeline(transaction=False)
        for message in _bridged(name):
            pipeline.execute_command("XADD", prefix + name, "*", "d", message)
        await pipeline.execute()
    await _there_and_back(system, _ManyTopics(system, "streams", lease="60s"), prefix, shared_book)


@pytest.mark.parametrize("name", BY_SIZE or ["none"])
def test_every_message_comes_back_from_the_codec(name: str) -> None:
    miner = Miner()
    miner.observe(start_of(name, OWN_TRAINING))
    book = Codebook().extended(miner.propose(Codebook()))
    messages = messages_of(name)
    frames = HybridCodec(book).encode_batch(messages)
    decoder = HybridCodec(Codebook.from_bytes(book.to_bytes()))  # knows nothing of what the encoder saw
    assert decoder.decode_batch(frames) == messages
    for frame, message in zip(frames, messages, strict=True):
        assert len(frame) <= len(message)  # they are all UTF-8
