"""`aura-stream run`: the bridge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from aura_stream.app import InstalledConnectors, run_bridge
from aura_stream.cli.configured import config_argument, load, set_option
from aura_stream.observe import configure_logging


@click.command()
@config_argument
@click.option("--once", is_flag=True, help="Work through what the input holds now, then exit.")
@set_option
def command(config: str, once: bool, flags: Sequence[tuple[str, str]]) -> None:
    """Run the bridge that CONFIG describes, until SIGTERM or Ctrl-C; then finish what is in flight and exit 0.

    A second signal cuts that short. Messages that were not settled come again at the next start.

    \b
    Examples:
      aura-stream run orders.yaml
      aura-stream run --once --set codec.direction=decode restore.yaml
      AURA_LOGGING__FORMAT=json aura-stream run orders.yaml

    \b
    Exit codes:
      0   told to stop, or through with --once, and nothing left over
      1   a message cannot be decoded or written, or the codebook is damaged
      75  a server did not answer within startup_timeout, or not all was settled
      78  the configuration must be edited
    """
    connectors = InstalledConnectors()
    loaded = load(config, flags, connectors)
    configure_logging(loaded.logging.format, loaded.logging.level)
    asyncio.run(run_bridge(loaded, connectors, once))
