"""`aura-stream discover`: learning templates while the bridge runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress

import click

from aura_stream.app import InstalledConnectors, run_discovery
from aura_stream.cli.configured import config_argument, load, set_option
from aura_stream.observe import configure_logging

NICE = 5  # on the same machine, the bridge goes first


@click.command()
@config_argument
@click.option("--once", is_flag=True, help="Learn from all that the input holds now, then exit.")
@click.option("--explain", is_flag=True, help="Print why each template was promoted or refused.")
@set_option
def command(config: str, once: bool, explain: bool, flags: Sequence[tuple[str, str]]) -> None:
    """Learn from the input of CONFIG, and promote what makes it smaller; until SIGTERM or Ctrl-C.

    It takes the same file as `run`, reads under a group of its own, and writes to the template store only. A bridge
    that runs takes up what was promoted within seconds. Several at once do no harm.

    \b
    Examples:
      aura-stream discover orders.yaml
      aura-stream discover --once --explain orders.yaml
      aura-stream discover --set discovery.cpu=0.2 orders.yaml

    \b
    Exit codes:
      0   told to stop, or through with --once
      1   a message cannot be read, or the store is damaged
      75  a server did not answer within startup_timeout
      78  the configuration must be edited
    """
    connectors = InstalledConnectors()
    loaded = load(config, flags, connectors)
    configure_logging(loaded.logging.format, loaded.logging.level)
    with suppress(OSError):
        os.nice(NICE)
    asyncio.run(run_discovery(loaded, connectors, once, _tell if explain else None))


def _tell(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)
