"""What the verbs that take a configuration file share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import click

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.config import Config, load_config

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

config_argument: Decorator = click.argument("config", type=click.Path(dir_okay=False))
set_option: Decorator = click.option(
    "--set",
    "flags",
    metavar="KEY=VALUE",
    multiple=True,
    callback=lambda _context, _option, values: [_pair(value) for value in values],
    help="Override a key of the file, such as codec.direction=decode. May be given again.",
)


def load(path: str, flags: Sequence[tuple[str, str]], connectors: InstalledConnectors) -> Config:
    """Read a configuration with the environment and flags laid over it. Raises ConfigError."""
    return load_config(path, option_models(connectors), os.environ, flags)


def _pair(value: str) -> tuple[str, str]:
    key, equals, text = value.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{value!r} is not of the form KEY=VALUE")
    return key, text
