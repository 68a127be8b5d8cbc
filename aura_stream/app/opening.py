"""A template store for one piece of work: opened, used, closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aura_stream.app.stores import open_store
from aura_stream.codec import Codebook
from aura_stream.config import Config
from aura_stream.errors import ConfigError
from aura_stream.ports import Connector, TemplateStore


@asynccontextmanager
async def opened_store(
    config: Config, connectors: Mapping[str, Connector], promotes: bool = False
) -> AsyncIterator[tuple[TemplateStore, Codebook]]:
    """Open the store that a configuration names, and yield it with its book. Raises what its `start` raises.

    `promotes`: something may come into it; then a file that is missing is made.
    Raises ConfigError for a store in memory: it lives in a worker's process, and nobody else can look into it.
    """
    if config.store.memory is not None:
        raise ConfigError("store.memory: it lives and ends with a worker; name store.file or store.redis")
    store = open_store(config, connectors, promotes=promotes)
    try:
        yield store, await store.start()
    finally:
        await store.stop()
