"""What the verbs that open a template store share: the configuration, the store it names, and how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import click

from aura_stream.app import InstalledConnectors
from aura_stream.app.opening import opened_store
from aura_stream.cli.configured import load
from aura_stream.codec import Codebook
from aura_stream.config import Config
from aura_stream.observe import configure_logging
from aura_stream.ports import TemplateStore

T = TypeVar("T")


def configured(path: str, flags: Sequence[tuple[str, str]]) -> tuple[Config, InstalledConnectors]:
    """Load a configuration, and log as it says. Raises ConfigError."""
    connectors = InstalledConnectors()
    config = load(path, flags, connectors)
    configure_logging(config.logging.format, config.logging.level)
    return config, connectors


def with_store(
    path: str,
    flags: Sequence[tuple[str, str]],
    work: Callable[[TemplateStore, Codebook], Awaitable[T]],
    promotes: bool = False,
) -> T:
    """Open the store of a configuration, do something with it and its book, and close it again.

    `promotes`: something may come into it, so it may be made where there is none yet.
    Says so, on stderr, where the book is not the store's own present one. Raises what the store raises.
    """
    config, connectors = configured(path, flags)

    async def run() -> T:
        async with opened_store(config, connectors, promotes) as (store, book):
            if store.status.state != "ok":
                click.echo(f"note: the store is {store.status.state}; this is what is known of it here", err=True)
            return await work(store, book)

    return asyncio.run(run())


async def only_book(_store: TemplateStore, book: Codebook) -> Codebook:
    """For `with_store`: nothing but the book is needed."""
    return book
