"""A discovery from the configuration of its bridge: the same input in a group of its own, the same store, no sink."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from aura_stream.app.bridge import codec_maker
from aura_stream.app.stores import open_store
from aura_stream.config import Config
from aura_stream.errors import ConfigError
from aura_stream.mining import Miner
from aura_stream.observe import Reporter
from aura_stream.ports import Connector, Context, Observable, Source
from aura_stream.runtime import Checkpoint, Discovery, DiscoveryLimits, Heartbeat, Statistics, run_until_stopped
from aura_stream.runtime.discovery import Tell
from aura_stream.runtime.learning import Learner
from aura_stream.runtime.promoting import ApprovalFile
from aura_stream.runtime.watchdog import watched

CHECKPOINT = "discovery.checkpoint"
PROPOSED = "proposed.book"

log = logging.getLogger(__name__)


async def run_discovery(
    config: Config, connectors: Mapping[str, Connector], once: bool = False, tell: Tell | None = None
) -> Statistics:
    """Run the discovery until a signal, or with `once` until the input is through; return what was done.

    Raises what `Discovery.run` and `run_until_stopped` raise.
    """
    discovery = build_discovery(config, connectors, once, tell)
    reporter = Reporter(discovery.statistics, False, config.logging.format)
    async with reporter.running():
        with watched(config.watchdog, discovery.statistics):
            await run_until_stopped(discovery, config.drain_timeout)
    if once and not discovery.statistics.settled:
        group = config.discovery.group
        log.info("nothing new: group %s has read all that the input holds; another discovery.group reads anew", group)
    return discovery.statistics


def build_discovery(
    config: Config, connectors: Mapping[str, Connector], once: bool = False, tell: Tell | None = None
) -> Discovery:
    """Build the discovery. Raises ConfigError where there is nothing to learn from, or for."""
    if config.codec.direction == "decode":
        raise ConfigError("discover learns from messages: give it the configuration that encodes them")
    if config.store.memory is not None:
        raise ConfigError("store.memory: it lives and ends with a worker; name store.redis or store.file")
    store = open_store(config, connectors, "discover", promotes=True)
    options = config.discovery
    limits = DiscoveryLimits(
        once=once,
        sample=options.sample,
        cpu=options.cpu,
        interval=options.interval,
        drift=options.drift,
        budget=options.budget,
        max_messages=config.batch.max_messages,
        max_bytes=config.batch.max_bytes,
        startup_timeout=config.startup_timeout,
    )
    folder = _folder(config)
    checkpoint = Checkpoint(options.checkpoint or (folder / CHECKPOINT if folder is not None else None))
    approval = ApprovalFile((folder or Path()) / PROPOSED) if options.approve else None
    learner = _learner(config, connectors)
    source = _source(config, connectors, once)
    return Discovery(source, store, learner, limits, checkpoint, approval, Heartbeat(config.heartbeat), tell)


def _source(config: Config, connectors: Mapping[str, Connector], once: bool) -> Source:
    name, options = config.input.connector, config.input.options
    connector = connectors[name]
    if not isinstance(connector, Observable):
        raise ConfigError(f"input.{name}: this connector cannot be read beside a bridge")
    if config.discovery.group == getattr(options, "group", None):
        raise ConfigError("discovery.group is that of the bridge: it would take its messages away")
    context = Context(config.namespace, once, config.codec.direction)
    return connector.source(connector.observing(options, config.discovery.group), context)


def _folder(config: Config) -> Path | None:
    """Return where discovery keeps its own files: in the mirror, or beside the file of the codebook."""
    if config.store.file is not None:
        path = config.store.file.path
        return path.with_name(f"{path.name}.discovery")
    if config.store.mirror is None:
        return None
    return config.store.mirror / quote(config.namespace, safe="").replace(".", "%2E")


def _learner(config: Config, connectors: Mapping[str, Connector]) -> Callable[[bytes | None], Learner]:
    options, make = config.discovery, codec_maker(config, connectors)

    def learner(snapshot: bytes | None) -> Learner:
        if snapshot is not None:
            try:
                return Learner(Miner.restored(snapshot, options.distinct_messages, options.memory), make)
            except ValueError as error:
                log.warning("discovery.checkpoint: learning begins anew: %s", error)
        return Learner(Miner(options.distinct_messages, options.memory), make)

    return learner
