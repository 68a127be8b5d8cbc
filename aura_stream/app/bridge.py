"""A bridge from its configuration: source, codec, sink, and the worker that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aura_stream.app.ends import build_ends, refusals_of
from aura_stream.app.stores import open_store
from aura_stream.codec import Codebook, HybridCodec, count_methods
from aura_stream.config import Config
from aura_stream.observe import Reporter
from aura_stream.ports import Connector
from aura_stream.runtime import (
    FollowingCodec,
    Heartbeat,
    Statistics,
    Transform,
    Worker,
    WorkerOptions,
    run_until_stopped,
)
from aura_stream.runtime.limiter import Rates
from aura_stream.runtime.watchdog import watched


async def run_bridge(
    config: Config, connectors: Mapping[str, Connector], once: bool = False, *, live: bool = True
) -> Statistics:
    """Run the bridge until a signal, or with `once` until the input is through; return what was done.

    `live`: draw the progress where there is a terminal; several processes would draw over each other.
    Raises what `Worker.run` and `run_until_stopped` raise.
    """
    worker = build_worker(config, connectors, once)
    reporter = Reporter(worker.statistics, config.codec.direction == "decode", config.logging.format, live=live)
    async with reporter.running():
        with watched(config.watchdog, worker.statistics):
            await run_until_stopped(worker, config.drain_timeout)
    return worker.statistics


def build_worker(config: Config, connectors: Mapping[str, Connector], once: bool = False) -> Worker:
    """Build the worker; its `run` opens the store. Raises ConfigError for parts that do not fit together."""
    store = open_store(config, connectors, config.codec.direction)
    ends = build_ends(config, connectors, once=once)
    batch = config.batch
    rates = Rates(config.limits.messages_per_second, config.limits.bytes_per_second)
    options = WorkerOptions(once, batch.max_messages, batch.max_bytes, config.startup_timeout, config.store.wait, rates)
    transform = build_transform(config, connectors)
    return Worker(ends, transform, options, Heartbeat(config.heartbeat), store)


def build_transform(config: Config, connectors: Mapping[str, Connector]) -> Transform:
    """Build the transform; its codec begins with the first book that is offered."""
    decoding = config.codec.direction == "decode"
    codec = FollowingCodec(codec_maker(config, connectors), decoding, config.batch.max_bytes)
    grows = config.store.memory is None
    refusals = refusals_of(config, connectors, lambda: codec.digest)
    max_bytes = config.batch.max_bytes
    return Transform(codec.convert, count_methods, decoding, max_bytes, codec.adopt, grows, refusals)


def codec_maker(config: Config, connectors: Mapping[str, Connector]) -> Callable[[Codebook], HybridCodec]:
    """Return what builds codecs that write for where the frames go."""
    suits = connectors[config.output.connector].destination
    destination = config.codec.destination or ("batched" if suits == "batched" else "standalone")
    return lambda book: HybridCodec(book, destination=destination)
