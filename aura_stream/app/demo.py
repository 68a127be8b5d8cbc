"""The whole product on one embedded server: train, compress, restore, compare.

The codebook is trained on the first part of the shipped sample messages and used on the rest, which it has not seen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import redis

from aura_stream.app.bridge import build_worker
from aura_stream.app.connectors import InstalledConnectors, option_models
from aura_stream.app.embedded import EmbeddedServer
from aura_stream.codec import Codebook, count_methods
from aura_stream.config import parse_config
from aura_stream.mining import Miner

TRAINED_ON = 0.4  # the share of the sample messages that the codebook is trained on
FIELD = b"d"

_CONFIG = """
namespace: demo
input:
  redis_streams: {{url: "{url}", streams: [{streams}], group: {direction}}}
output:
  redis_streams: {{url: "{url}", stream: "{output}"}}
codec: {{direction: {direction}}}
store:
  file: {{path: "{book}"}}
"""


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What became of one stream. Memory is the server's own account of the whole stream, in bytes."""

    name: str
    messages: int
    bytes_in: int
    bytes_out: int
    methods: Counter[str]  # frames by method
    raw_memory: int
    compressed_memory: int
    restored: int  # messages of the third stream that are byte for byte those of the first


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The codebook's size on disk, how many messages it was trained on, and what became of each stream."""

    trained_on: int
    book_bytes: int
    streams: Sequence[StreamReport]


def run_demo(tell: Callable[[str], None]) -> DemoReport:
    """Run the demo; `tell` is given a line about each step as it begins.

    Leaves no process and no file behind, whatever happens. Raises ConfigError where there is no server to start,
    UnavailableError where it does not start.
    """
    samples = _samples()
    cuts = {name: int(len(messages) * TRAINED_ON) for name, messages in samples.items()}
    unseen = {name: messages[cuts[name] :] for name, messages in samples.items()}
    with EmbeddedServer() as server, TemporaryDirectory(prefix="aura-demo-") as folder:
        client = redis.Redis.from_url(server.url)
        try:
            tell(f"server started at {server.url}")
            tell(f"training a codebook on {sum(cuts.values()):,} messages")
            book = _train([message for name in samples for message in samples[name][: cuts[name]]])
            path = Path(folder) / "demo.book"
            book.save(path)
            tell(f"bridging {sum(map(len, unseen.values())):,} other messages to compressed streams, and back")
            for name, messages in unseen.items():
                _write(client, name, messages)
            _bridge("encode", server.url, list(unseen), path)
            _bridge("decode", server.url, [f"{name}.aura" for name in unseen], path)
            reports = [_report(client, name, messages) for name, messages in unseen.items()]
            return DemoReport(sum(cuts.values()), path.stat().st_size, reports)
        finally:
            client.close()


def _samples() -> Mapping[str, list[bytes]]:
    """Return the shipped messages, by stream."""
    folder = files("aura_stream") / "samples"
    found = sorted((entry for entry in folder.iterdir() if entry.is_file()), key=lambda entry: entry.name)
    return {entry.name.partition(".")[0]: entry.read_bytes().splitlines() for entry in found}


def _train(messages: Sequence[bytes]) -> Codebook:
    miner = Miner()
    miner.observe(messages)
    empty = Codebook()
    return empty.extended(miner.propose(empty))


def _write(client: redis.Redis, stream: str, messages: Sequence[bytes]) -> None:
    pipeline = client.pipeline(transaction=False)
    for message in messages:
        pipeline.xadd(stream, {FIELD: message})
    pipeline.execute()


def _bridge(direction: str, url: str, streams: Sequence[str], book: Path) -> None:
    """Run a worker until all is through: from these streams to {source}.aura, or from those to {source}.restored."""
    output = "{source}.aura" if direction == "encode" else "{source}.restored"
    text = _CONFIG.format(direction=direction, url=url, streams=", ".join(streams), output=output, book=book)
    connectors = InstalledConnectors()
    config = parse_config(text, "demo", option_models(connectors), environ={})
    asyncio.run(build_worker(config, connectors, once=True).run())


def _report(client: redis.Redis, name: str, messages: Sequence[bytes]) -> StreamReport:
    frames = _values(client, f"{name}.aura")
    restored = _values(client, f"{name}.aura.restored")
    return StreamReport(
        name=name,
        messages=len(messages),
        bytes_in=sum(map(len, messages)),
        bytes_out=sum(map(len, frames)),
        methods=Counter(count_methods(frames)),
        raw_memory=_memory(client, name),
        compressed_memory=_memory(client, f"{name}.aura"),
        restored=sum(map(bytes.__eq__, messages, restored)),
    )


def _values(client: redis.Redis, stream: str) -> list[bytes]:
    entries = cast(list[tuple[bytes, dict[bytes, bytes]]], client.xrange(stream))
    return [fields[FIELD] for _, fields in entries]


def _memory(client: redis.Redis, stream: str) -> int:
    """Return what the stream takes of the server's memory, counted in full (SAMPLES 0), not estimated."""
    memory: Any = client.memory_usage(stream, samples=0)
    return int(memory)
