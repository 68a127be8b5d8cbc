"""Kafka, Redis and files in one shape, so that a bridge between any two is one test."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from redis.asyncio import Redis

import aura_stream
from aura_stream.app import InstalledConnectors, option_models, run_bridge
from aura_stream.codec import Codebook
from aura_stream.config import parse_config
from aura_stream.mining import Miner
from aura_stream.model.framing import join_varint, split_varint
from aura_stream.runtime import Statistics
from tests.infra.kafka.tools import Record, create_topic, produce, read_all
from tests.infra.tracing import untraced
from tests.integration.redis_tools import command

PATIENCE = 60.0
SAMPLES = Path(aura_stream.__file__).parent / "samples"
COMMAND = str(Path(sys.executable).with_name("aura-stream"))
EVERY_BYTE = bytes(range(256))


class System(Protocol):
    """One kind of system; `write` gives each message metadata of its own, where there is such a thing."""

    name: str
    takes_null: bool

    async def write(self, topic: str, values: Sequence[bytes | None]) -> None: ...

    async def prepare_output(self, topic: str) -> None: ...

    async def read(self, topic: str) -> Sequence[object]:
        """Return messages with what is beside them, comparable with ==."""
        ...

    async def values(self, topic: str) -> Sequence[bytes | None]: ...

    def input(self, topic: str) -> Mapping[str, Any]: ...

    def output(self, topic: str) -> Mapping[str, Any]: ...


class KafkaSystem:
    """Topics of two partitions."""

    name = "kafka"
    takes_null = True
    partitions = 2

    def __init__(self, servers: str) -> None:
        self.servers = servers

    async def write(self, topic: str, values: Sequence[bytes | None]) -> None:
        await create_topic(self.servers, topic, self.partitions)
        records = [
            Record(
                value,
                key=None if row % 3 == 0 else b"key %d" % row,
                headers=(("name", b"\xff%d" % row), ("name", None))[: row % 3],
                timestamp=1_700_000_000_000 + row,
                partition=row * self.partitions // len(values),
            )
            for row, value in enumerate(values)
        ]
        await produce(self.servers, topic, records)

    async def prepare_output(self, topic: str) -> None:
        await create_topic(self.servers, topic, self.partitions)

    async def read(self, topic: str) -> Sequence[object]:
        return await read_all(self.servers, topic)

    async def values(self, topic: str) -> Sequence[bytes | None]:
        return [record.value for record in await read_all(self.servers, topic)]

    def input(self, topic: str) -> Mapping[str, Any]:
        return {"servers": self.servers, "topics": [topic], "group": f"group-{topic}", "session_timeout": "6s"}

    def output(self, topic: str) -> Mapping[str, Any]:
        return {"servers": self.servers, "topic": topic}


class RedisSystem:
    """Streams whose entries have other fields before and behind the message."""

    name = "redis_streams"
    takes_null = True

    def __init__(self, redis: Redis, url: str) -> None:
        self._redis = redis
        self._url = url

    async def write(self, topic: str, values: Sequence[bytes | None]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.response_callbacks.clear()
        for row, value in enumerate(values):
            fields = [b"row", b"%d" % row, b"row", EVERY_BYTE][: 0 if row % 2 and value is not None else 4]
            if value is not None:
                fields[row % 3 : row % 3] = [] if row % 3 else [b"d", value]
                fields += [b"d", value] if row % 3 else []
            pipeline.execute_command("XADD", topic, "*", *fields)
        await pipeline.execute()

    async def prepare_output(self, topic: str) -> None:
        """A stream is made by its first entry."""

    async def read(self, topic: str) -> Sequence[object]:
        entries = await command(self._redis, "XRANGE", topic, "-", "+")
        return [flat for _, flat in entries]

    async def values(self, topic: str) -> Sequence[bytes | None]:
        entries = await command(self._redis, "XRANGE", topic, "-", "+")
        return [next((flat[at + 1] for at in range(0, len(flat), 2) if flat[at] == b"d"), None) for _, flat in entries]

    async def ids(self, topic: str) -> list[str]:
        """Return the ids of all entries."""
        return [entry_id.decode() for entry_id, _ in await command(self._redis, "XRANGE", topic, "-", "+")]

    def input(self, topic: str) -> Mapping[str, Any]:
        return {"url": self._url, "streams": [topic], "group": "bridge", "lease": "2s"}

    def output(self, topic: str) -> Mapping[str, Any]:
        return {"url": self._url, "stream": topic}


class FilesSystem:
    """Files with varint framing, so that a message may hold anything."""

    name = "files"
    takes_null = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, topic: str, values: Sequence[bytes | None]) -> None:
        (self._folder / topic).write_bytes(join_varint(values))

    async def prepare_output(self, topic: str) -> None:
        """A file is made by the bridge."""

    async def read(self, topic: str) -> Sequence[object]:
        return await self.values(topic)

    async def values(self, topic: str) -> Sequence[bytes | None]:
        path = self._folder / topic
        content = path.read_bytes() if path.exists() else b""
        return split_varint(content, 0, len(content), len(content)).values

    def input(self, topic: str) -> Mapping[str, Any]:
        return {"paths": [str(self._folder / topic)], "framing": "varint"}

    def output(self, topic: str) -> Mapping[str, Any]:
        return {"path": str(self._folder / topic), "framing": "varint"}


def configuration(
    direction: str, source: System, input_topic: str, sink: System, output_topic: str, book: Path, **more: Any
) -> str:
    """Return a configuration file; JSON is YAML."""
    mapping = {
        "namespace": "bridges",
        "input": {source.name: source.input(input_topic)},
        "output": {sink.name: sink.output(output_topic)},
        "codec": {"direction": direction},
        "store": {"file": {"path": str(book)}},
    }
    return json.dumps(mapping | more)


async def run_once(text: str, patience: float = PATIENCE) -> Statistics:
    """Run a bridge with `--once` inside this process."""
    connectors = InstalledConnectors()
    config = parse_config(text, "bridge.yaml", option_models(connectors), {})
    return await asyncio.wait_for(run_bridge(config, connectors, once=True), patience)


class Process:
    """A real `aura-stream run` (or another verb), which ends with the test."""

    def __init__(self, folder: Path, text: str, *options: str, verb: str = "run") -> None:
        name = uuid4().hex[:8]
        path, self._errors = folder / f"{name}.yaml", folder / f"{name}.stderr"
        path.write_text(text)
        self._log = self._errors.open("wb")
        self.popen = subprocess.Popen([COMMAND, verb, str(path), *options], stderr=self._log)

    def wait(self) -> int:
        """Return the exit code."""
        return self.popen.wait(PATIENCE)

    def errors(self) -> str:
        """Return what was written to stderr so far."""
        return self._errors.read_text()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self._log.close()


async def eventually(what: str, condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + patience
    while not await condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(0.1)


def sample_messages(count: int) -> list[bytes]:
    """Return shipped sample messages of all kinds, in turn."""
    files = [path.read_bytes().splitlines() for path in sorted(SAMPLES.iterdir())]
    return [files[row % len(files)][row // len(files) % len(files[row % len(files)])] for row in range(count)]


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codebook that was trained on some of the sample messages."""
    path = tmp_path_factory.mktemp("book") / "bridges.book"
    _trained().save(path)
    return path


@cache  # each module that imports the fixture has one of its own
def _trained() -> Codebook:
    miner, empty = Miner(), Codebook()
    with untraced():
        miner.observe(sample_messages(1500))
        return empty.extended(miner.propose(empty))
