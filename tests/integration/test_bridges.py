"""From any system to any other, compressed on the way, and back: every message and all that travels beside it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from aura_stream.codec import Codebook, HybridCodec
from tests.integration.bridge_systems import (
    EVERY_BYTE,
    FilesSystem,
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

pytestmark = pytest.mark.integration

NAMES = ("kafka", "redis_streams", "files")
AWKWARD = [b"", b"\xff\xfe", b"\xc1", b"\x80" * 40, EVERY_BYTE, EVERY_BYTE * 300, b"a\nb", b"x" * 5000, "né ✓".encode()]


@pytest_asyncio.fixture
async def systems(kafka: str, redis: Redis, redis_url: str, tmp_path: Path) -> Mapping[str, System]:
    return {"kafka": KafkaSystem(kafka), "redis_streams": RedisSystem(redis, redis_url), "files": FilesSystem(tmp_path)}


@pytest.fixture
def topic() -> str:
    return f"bridge-{uuid4().hex[:10]}"


@pytest.mark.parametrize("middle", NAMES)
@pytest.mark.parametrize("end", NAMES)
async def test_what_is_encoded_and_decoded_is_the_same_byte_for_byte(
    systems: Mapping[str, System], topic: str, book: Path, end: str, middle: str
) -> None:
    outer, inner = systems[end], systems[middle]
    if inner.name == "files":
        outer = _single(outer)  # a file has one order, and nothing that tells partitions apart
    nulls: list[bytes | None] = [None, b"after null", None] if outer.takes_null and inner.takes_null else []
    messages: list[bytes | None] = [*sample_messages(600), *AWKWARD, *nulls]
    frames, restored = f"{topic}.aura", f"{topic}.restored"
    await outer.write(topic, messages)
    await inner.prepare_output(frames)
    await outer.prepare_output(restored)

    encoded = await run_once(configuration("encode", outer, topic, inner, frames, book))
    decoded = await run_once(configuration("decode", inner, frames, outer, restored, book))

    assert encoded.settled == decoded.settled == len(messages)
    assert encoded.bytes_out < encoded.bytes_in
    assert encoded.methods["template"] > 500
    assert await outer.values(restored) == messages
    if inner.name != "files":  # files carry values only
        assert await outer.read(restored) == await outer.read(topic)


@pytest.mark.parametrize("name", NAMES)
async def test_a_decoding_bridge_takes_raw_and_compressed_messages_mixed(
    systems: Mapping[str, System], topic: str, book: Path, name: str
) -> None:
    system, messages = systems[name], sample_messages(400)
    frames = HybridCodec(Codebook.load(book)).encode_batch(messages)
    mixed = [frame if row % 3 else message for row, (frame, message) in enumerate(zip(frames, messages, strict=True))]
    await system.write(topic, mixed)
    await run_once(configuration("decode", system, topic, system, f"{topic}.restored", book))
    assert await system.values(f"{topic}.restored") == messages


@pytest.mark.parametrize("name", NAMES)
async def test_a_second_run_does_nothing_more(systems: Mapping[str, System], topic: str, book: Path, name: str) -> None:
    system = systems[name]
    await system.write(topic, sample_messages(50))
    text = configuration("encode", system, topic, system, f"{topic}.aura", book)
    assert (await run_once(text)).settled == 50
    assert (await run_once(text)).settled == 0
    assert len(await system.values(f"{topic}.aura")) == 50


@pytest.mark.parametrize("name", NAMES)
async def test_an_undecodable_message_stops_the_worker_and_nothing_is_skipped(
    systems: Mapping[str, System], topic: str, book: Path, tmp_path: Path, name: str
) -> None:
    system, messages = _single(systems[name]), sample_messages(100)
    frames = HybridCodec(Codebook.load(book)).encode_batch(messages)
    assert len(frames[60]) > 1
    frames[60] = frames[60][:-1] + bytes([frames[60][-1] ^ 0x55])  # its check fails
    await system.write(topic, frames)
    text = configuration("decode", system, topic, system, f"{topic}.restored", book)
    for _ in range(2):  # starting again does not get past it either, and repeats nothing
        with Process(tmp_path, text, "--once") as process:
            assert process.wait() == 1
            (line,) = [line for line in process.errors().splitlines() if line.startswith("error: ")]
        assert f"{topic} partition 0 position {await _position(systems, name, topic, 60)}: cannot be decoded" in line
        assert "Traceback" not in process.errors()
        assert await system.values(f"{topic}.restored") == messages[:60]


# Files. What Kafka and Redis do then: rows 1 and 2 of tests/faults.


@pytest.mark.untraced
async def test_sigterm_drains_and_loses_and_repeats_nothing(topic: str, book: Path, tmp_path: Path) -> None:
    system, messages = FilesSystem(tmp_path), _numbered(20_000)
    output = f"{topic}.aura"
    await system.write(topic, messages)
    text = configuration("encode", system, topic, system, output, book, batch={"max_messages": 100})
    with Process(tmp_path, text) as process:
        await _some_arrived(system, output)
        process.popen.send_signal(signal.SIGTERM)
        assert process.wait() == 0, process.errors()
    assert 0 < len(await system.values(output)) < len(messages)
    await run_once(text)
    assert await _decoded(system, output, book) == messages


@pytest.mark.untraced
async def test_kill_9_loses_nothing_and_repeats_only_what_was_not_settled(
    topic: str, book: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    system, messages = FilesSystem(tmp_path), _numbered(20_000)
    output = f"{topic}.aura"
    await system.write(topic, messages)
    text = configuration("encode", system, topic, system, output, book, batch={"max_messages": 100})
    with Process(tmp_path, text) as process:
        await _some_arrived(system, output)
        process.popen.kill()
        assert process.wait() == -signal.SIGKILL
    with Process(tmp_path, text, "--once") as process:
        assert process.wait() == 0, process.errors()
    arrived = await _decoded(system, output, book)
    assert list(dict.fromkeys(arrived)) == messages
    duplicates = len(arrived) - len(messages)
    record_property("duplicates", duplicates)
    assert duplicates <= 2 * 100  # what one publish held, and what its predecessor had not settled


def _single(system: System) -> System:
    """Return the system with one partition, so that there is one order."""
    if isinstance(system, KafkaSystem):
        system.partitions = 1
    return system


def _numbered(count: int) -> list[bytes]:
    return [b"%06d %s" % (row, message) for row, message in enumerate(sample_messages(count))]


async def _some_arrived(system: System, output: str) -> None:
    async def some() -> bool:
        return len(await system.values(output)) >= 500

    await eventually("the first frames", some)


async def _decoded(system: System, output: str, path: Path) -> Sequence[bytes]:
    frames = [frame for frame in await system.values(output) if frame is not None]
    return HybridCodec(Codebook.load(path)).decode_batch(frames)


async def _position(systems: Mapping[str, System], name: str, topic: str, row: int) -> str:
    match systems[name]:
        case RedisSystem() as redis:
            return (await redis.ids(topic))[row]
        case FilesSystem():
            return str(row + 1)  # people count lines from 1
        case _:
            return str(row)
