"""A bridge from its configuration: source, codec, sink, and the worker that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aura_stream.app.ends import build_ends, refusals_of
from aura_stream.app.stores import open_store
from aura_stream.codec import Codebook, HybridCodec, count_methods
from aura_stream.config import Config
from aura_stream.observe import Reporter
from aura_stream.ports import Connector, TemplateStore
from aura_stream.runtime import (
    Ends,
    FollowingCodec,
    Heartbeat,
    Refusals,
    Statistics,
    Transform,
    Worker,
    WorkerOptions,
    run_until_stopped,
)
from aura_stream.runtime.limiter import Rates
from aura_stream.runtime.watchdog import watched


async def run_bridge(
    config: Config, connectors: Mapping[str, Connector], once: bool = False, *, supervised: bool = False
) -> Statistics:
    """Run the bridge until a signal, or with `once` until the input is through; return what was done.

    `supervised`: this is one of several workers, which take signals of their supervisor, and log their progress where
    they would draw over each other.
    Raises what `Worker.run` and `run_until_stopped` raise.
    """
    worker = build_worker(config, connectors, once)
    reporter = Reporter(
        worker.statistics, config.codec.direction == "decode", config.logging.format, live=not supervised
    )
    async with reporter.running():
        with watched(config.watchdog, worker.statistics):
            await run_until_stopped(worker, config.drain_timeout, supervised=supervised)
    return worker.statistics


def build_worker(config: Config, connectors: Mapping[str, Connector], once: bool = False) -> Worker:
    """Build the worker; its `run` opens the store. Raises ConfigError for parts that do not fit together."""
    store = open_store(config, connectors, config.codec.direction)
    ends = build_ends(config, connectors, once=once)
    return assemble(config, ends, build_transform(config, connectors), store, Heartbeat(config.heartbeat), once)


def assemble(
    config: Config, ends: Ends, transform: Transform, store: TemplateStore, heartbeat: Heartbeat, once: bool
) -> Worker:
    """Put a worker together that works as the configuration says."""
    batch = config.batch
    rates = Rates(config.limits.messages_per_second, config.limits.bytes_per_second)
    options = WorkerOptions(once, batch.max_messages, batch.max_bytes, config.startup_timeout, config.store.wait, rates)
    return Worker(ends, transform, options, heartbeat, store)


def build_transform(
    config: Config, connectors: Mapping[str, Connector], refined: Callable[[Refusals], Refusals] = lambda usual: usual
) -> Transform:
    """Build the transform; its codec begins with the first book that is offered. `refined` may refuse otherwise."""
    decoding = config.codec.direction == "decode"
    codec = FollowingCodec(codec_maker(config, connectors), decoding, config.batch.max_bytes)
    grows = config.store.memory is None
    refusals = refined(refusals_of(config, connectors, lambda: codec.digest))
    max_bytes = config.batch.max_bytes
    return Transform(codec.convert, count_methods, decoding, max_bytes, codec.adopt, grows, refusals)


def codec_maker(config: Config, connectors: Mapping[str, Connector]) -> Callable[[Codebook], HybridCodec]:
    """Return what builds codecs that write for where the frames go."""
    suits = connectors[config.output.connector].destination
    destination = config.codec.destination or ("batched" if suits == "batched" else "standalone")
    return lambda book: HybridCodec(book, destination=destination)
