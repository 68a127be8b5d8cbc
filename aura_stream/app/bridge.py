"""A bridge from its configuration: source, codec, sink, and the worker that runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aura_stream.codec import Codebook, HybridCodec, count_methods
from aura_stream.config import Config
from aura_stream.errors import ConfigError
from aura_stream.observe import Reporter
from aura_stream.ports import Connector, Context, Sink, Source
from aura_stream.runtime import Heartbeat, Statistics, Transform, Worker, WorkerOptions, run_until_stopped
from aura_stream.store import FileStore, MemoryStore


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a bridge, not started yet."""

    source: Source
    sink: Sink


async def run_bridge(config: Config, connectors: Mapping[str, Connector], once: bool = False) -> Statistics:
    """Run the bridge until a signal, or with `once` until the input is through; return what was done.

    Raises what `Worker.run` and `run_until_stopped` raise.
    """
    worker = build_worker(config, connectors, once)
    reporter = Reporter(worker.statistics, config.codec.direction == "decode", config.logging.format)
    async with reporter.running():
        await run_until_stopped(worker, config.drain_timeout)
    return worker.statistics


def build_worker(config: Config, connectors: Mapping[str, Connector], once: bool = False) -> Worker:
    """Build the worker. Raises ConfigError and CodebookError."""
    book = open_codebook(config)
    ends = build_ends(config, connectors, once=once)
    options = WorkerOptions(once, config.batch.max_messages, config.batch.max_bytes, config.startup_timeout)
    transform = _transform(config, HybridCodec(book, **_destination(config, connectors)))
    return Worker(ends.source, ends.sink, transform, options, Heartbeat(config.heartbeat))


def build_ends(config: Config, connectors: Mapping[str, Connector], *, once: bool = False, probe: bool = False) -> Ends:
    """Build source and sink. Raises ConfigError for options that do not fit the direction."""
    context = Context(config.namespace, once, config.codec.direction, probe)
    source = connectors[config.input.connector].source(config.input.options, context)
    sink = connectors[config.output.connector].sink(config.output.options, context)
    return Ends(source, sink)


def open_codebook(config: Config) -> Codebook:
    """Return the codebook. Raises ConfigError if it is missing or made otherwise, CodebookError if it is damaged."""
    if config.store.file is None:
        return MemoryStore(config.codec.check_bytes, config.codec.raw).codebook()
    book = FileStore(config.store.file.path).codebook()
    for name in ("check_bytes", "raw"):
        said, has = getattr(config.codec, name), getattr(book, name)
        if name in config.codec.model_fields_set and said != has:
            raise ConfigError(f"codec.{name} is {said}, but codebook {config.store.file.path} was made with {has}")
    return book


def _destination(config: Config, connectors: Mapping[str, Connector]) -> dict[str, Any]:
    return {"destination": config.codec.destination or connectors[config.output.connector].destination}


def _transform(config: Config, codec: HybridCodec) -> Transform:
    decoding = config.codec.direction == "decode"
    convert = codec.decode_batch if decoding else codec.encode_batch
    return Transform(convert, count_methods, decoding, config.batch.max_bytes)
