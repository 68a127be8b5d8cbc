"""Bridges follow their store while they run: what is promoted is used, and what is not there yet is waited for."""

from __future__ import annotations

import asyncio
import json
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
from aura_stream.codec import Codebook, HybridCodec, Proposal
from aura_stream.config import parse_config
from tests.infra.kafka.tools import create_topic
from tests.infra.redis import StartRedis
from tests.integration.bridge_systems import COMMAND, KafkaSystem, Process, RedisSystem, System, eventually, run_once
from tests.integration.learning_tools import Shared, append
from tests.unit.codec.books import template

pytestmark = pytest.mark.integration

KNOWN = b"a message whose shape was known from the beginning of this test"
NEW = b"and another message whose shape comes only later to the store"
NAMES = ("redis_streams", "kafka")
QUICK = {"wait": "1s"}


@pytest.fixture
def store_server(start_redis: StartRedis, tmp_path: Path) -> EmbeddedServer:
    """A Redis for the store alone, on a port that stays its own; the data are in another one."""
    folder = tmp_path / "store"
    folder.mkdir()
    return start_redis(port=free_port(), directory=folder)


@pytest_asyncio.fixture
async def shared(
    request: pytest.FixtureRequest,
    redis: Redis,
    redis_url: str,
    store_server: EmbeddedServer,
    tmp_path: Path,
) -> Shared:
    topic = f"adopted-{uuid4().hex[:10]}"
    name = getattr(request, "param", "redis_streams")
    system: System = RedisSystem(redis, redis_url)
    if name == "kafka":
        servers = request.getfixturevalue("kafka")
        system = KafkaSystem(servers)
        for each in (topic, f"{topic}.aura", f"{topic}.restored"):
            await create_topic(servers, each)
    return Shared(system, topic, store_server.url, tmp_path)


async def promote(shared: Shared, *texts: bytes) -> Codebook:
    """Promote templates as somebody else does."""
    text = shared.encode(store={"mirror": None})
    config = parse_config(text, "promoter", option_models(InstalledConnectors()), {})
    async with opened_store(config, InstalledConnectors()) as (store, _):
        return await store.promote(Proposal([template(text) for text in texts]))


def methods(book: Codebook, frames: list[bytes]) -> list[str]:
    codec = HybridCodec(book)
    return [codec.peek(frame).method for frame in frames]


async def values(system: System, topic: str) -> list[bytes]:
    return [value for value in await system.values(topic) if value is not None]


async def arrived(system: System, topic: str, count: int) -> None:
    async def enough() -> bool:
        return len(await system.values(topic)) >= count

    await eventually(f"{count} messages in {topic}", enough)


async def said(process: Process, what: str) -> None:
    async def seen() -> bool:
        return what in process.errors()

    await eventually(what, seen)


def stop(process: Process, code: int = 0) -> None:
    process.popen.send_signal(signal.SIGTERM)
    assert process.wait() == code, process.errors()


@pytest.mark.parametrize("shared", NAMES, indirect=True)
async def test_what_is_promoted_is_written_with_and_restored_without_restart(
    shared: Shared, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    restored = f"{shared.topic}.restored"
    with Process(tmp_path, shared.encode()) as encoder, Process(tmp_path, shared.decode(restored)) as decoder:
        await shared.write([KNOWN, NEW])
        await arrived(shared.system, restored, 2)
        book = await promote(shared, KNOWN)
        began = asyncio.get_running_loop().time()
        sent = 2

        async def written_with() -> bool:
            nonlocal sent
            await shared.write([KNOWN])
            sent += 1
            await arrived(shared.system, shared.frames, sent)
            return methods(book, await values(shared.system, shared.frames))[-1] == "template"

        await eventually("a frame of the new template", written_with)
        record_property("seconds_from_promotion_to_first_frame", asyncio.get_running_loop().time() - began)
        await arrived(shared.system, restored, sent)
        stop(encoder)
        stop(decoder)
    assert await values(shared.system, restored) == [KNOWN, NEW] + [KNOWN] * (sent - 2)
    assert "waiting for" not in decoder.errors()  # readers come first


@pytest.mark.parametrize("shared", NAMES, indirect=True)
async def test_a_decoder_waits_for_a_template_and_loses_and_repeats_nothing(shared: Shared, tmp_path: Path) -> None:
    restored, system = f"{shared.topic}.restored", shared.system
    short = await promote(shared, KNOWN)
    codec = HybridCodec(short.extended(Proposal([template(NEW)])))
    messages = [KNOWN] * 20 + [NEW] * 3 + [KNOWN] * 500
    await append(system, shared.frames, codec.encode_batch(messages))
    with Process(tmp_path, shared.decode(restored, store=QUICK, batch={"max_messages": 50})) as decoder:
        await arrived(system, restored, 20)
        await said(decoder, "paused: template 0-1 did not arrive within 1 s")
        await append(system, shared.frames, codec.encode_batch([NEW, KNOWN]))
        assert await values(system, restored) == [KNOWN] * 20
        await promote(shared, NEW)
        await arrived(system, restored, len(messages) + 2)
        stop(decoder)
    assert await values(system, restored) == [*messages, NEW, KNOWN]
    assert decoder.errors().count("waiting for template 0-1") == 1


async def test_one_stream_waits_and_the_others_go_on(shared: Shared, tmp_path: Path) -> None:
    system, other = shared.system, f"{shared.topic}.other"
    short = await promote(shared, KNOWN)
    codec = HybridCodec(short.extended(Proposal([template(NEW)])))
    config = json.loads(shared.decode("{source}.restored", store=QUICK))
    config["input"]["redis_streams"]["streams"] = [shared.frames, other]
    await append(system, shared.frames, codec.encode_batch([KNOWN] * 5 + [NEW] * 5))
    await append(system, other, codec.encode_batch([KNOWN] * 5))
    with Process(tmp_path, json.dumps(config)) as decoder:
        await said(decoder, "paused: template 0-1")
        for count in range(2, 6):
            await append(system, other, codec.encode_batch([KNOWN] * 5))
            await arrived(system, f"{other}.restored", 5 * count)
        assert await values(system, f"{shared.frames}.restored") == [KNOWN] * 5
        stop(decoder, 75)
    assert "5 messages that wait for a template" in decoder.errors()
    await promote(shared, NEW)
    with Process(tmp_path, json.dumps(config), "--once") as decoder:
        assert decoder.wait() == 0, decoder.errors()
    assert await values(system, f"{shared.frames}.restored") == [KNOWN] * 5 + [NEW] * 5


async def test_once_it_fails_where_the_template_never_comes(shared: Shared, tmp_path: Path) -> None:
    short = await promote(shared, KNOWN)
    codec = HybridCodec(short.extended(Proposal([template(NEW)])))
    await append(shared.system, shared.frames, codec.encode_batch([KNOWN] * 5 + [NEW]))
    with Process(tmp_path, shared.decode("restored-once", store=QUICK), "--once") as decoder:
        assert decoder.wait() == 1
    (line,) = [line for line in decoder.errors().splitlines() if line.startswith("error: ")]
    assert f"{shared.frames} partition 0 position" in line
    assert "template 0-1 did not arrive within 1 s" in line


async def test_a_bridge_goes_on_while_its_store_is_down_and_starts_from_its_mirror(
    shared: Shared, tmp_path: Path, store_server: EmbeddedServer, start_redis: StartRedis
) -> None:
    system = shared.system
    book = await promote(shared, KNOWN)
    with Process(tmp_path, shared.encode()) as encoder:
        await shared.write([KNOWN] * 5)
        await arrived(system, shared.frames, 5)
        await asyncio.to_thread(store_server.stop)
        await said(encoder, "going on with the book known here")
        for count in range(2, 6):
            await shared.write([KNOWN] * 5)
            await arrived(system, shared.frames, 5 * count)
        stop(encoder)
    with Process(tmp_path, shared.encode(), "--once") as encoder:  # from its mirror
        assert encoder.wait() == 0, encoder.errors()
    assert set(methods(book, await values(system, shared.frames))) == {"template"}
    # An empty store in its place is none: what is known goes on, from the mirror and the journal beside the frames.
    start_redis(port=store_server.port, directory=tmp_path / "store")
    with Process(tmp_path, shared.encode()) as encoder:
        await said(encoder, "is lost")
        await shared.write([KNOWN] * 5)
        await arrived(system, shared.frames, 30)
        stop(encoder)
    assert await decoded_by_a_fresh_one(shared, tmp_path) == [KNOWN] * 30


async def decoded_by_a_fresh_one(shared: Shared, tmp_path: Path) -> list[bytes]:
    """Restore all frames by a process that has never seen the store."""
    name = f"restored-{uuid4().hex[:6]}"
    with Process(tmp_path, shared.decode(name), "--once") as decoder:
        assert decoder.wait() == 0, decoder.errors()
    return await values(shared.system, name)


@pytest.mark.parametrize(
    ("store", "remedy"),
    [({"mirror": None}, "no mirror"), ({"require": True}, "asked for")],
)
async def test_without_a_usable_mirror_it_does_not_start_where_nothing_answers(
    shared: Shared, tmp_path: Path, store_server: EmbeddedServer, store: dict[str, object], remedy: str
) -> None:
    await promote(shared, KNOWN)
    await shared.write([KNOWN])
    await run_once(shared.encode())  # leaves a mirror
    await asyncio.to_thread(store_server.stop)
    journal = {"redis": {"url": "redis://127.0.0.1:1/0"}}
    text = shared.encode(store={**store, "journal": journal}, startup_timeout="1s")
    with Process(tmp_path, text, "--once") as encoder:
        assert encoder.wait() == 75, f"{remedy}: {encoder.errors()}"


class TestCheck:
    async def test_store_journal_and_mirror_are_looked_at_and_nothing_is_made(
        self, shared: Shared, tmp_path: Path
    ) -> None:
        await shared.write([KNOWN])
        (tmp_path / "check.yaml").write_text(shared.encode())
        code, lines, _ = await check(tmp_path)
        assert code == 0
        assert "store: redis answers" in lines
        assert "journal: redis answers, 0 records" in lines
        assert f"mirror: {tmp_path / 'mirror'}" in lines
        assert not (tmp_path / "mirror").exists()
        await promote(shared, KNOWN)
        code, lines, _ = await check(tmp_path)
        assert "codebook: 1 generations, 1 templates, 1 check bytes" in lines

    async def test_a_store_that_does_not_answer_exits_75(
        self, shared: Shared, tmp_path: Path, store_server: EmbeddedServer
    ) -> None:
        await shared.write([KNOWN])
        await promote(shared, KNOWN)
        await asyncio.to_thread(store_server.stop)
        (tmp_path / "check.yaml").write_text(shared.encode())
        code, _, errors = await check(tmp_path)
        assert code == 75
        assert str(store_server.port) in errors

    async def test_a_store_that_is_lost_exits_1(
        self, shared: Shared, tmp_path: Path, store_server: EmbeddedServer
    ) -> None:
        await shared.write([KNOWN])
        await promote(shared, KNOWN)
        client = Redis.from_url(store_server.url)
        await client.flushall()
        await client.aclose()
        (tmp_path / "check.yaml").write_text(shared.encode())
        code, _, errors = await check(tmp_path)
        assert (code, "lost" in errors) == (1, True), errors


async def check(folder: Path) -> tuple[int, list[str], str]:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "check", str(folder / "check.yaml"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines(), errors.decode()
