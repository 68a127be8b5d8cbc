"""`aura-stream check`: looking before running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import click

from aura_stream.app import InstalledConnectors, check_bridge, option_models
from aura_stream.cli.configured import config_argument, load, set_option
from aura_stream.config import Config, json_schema
from aura_stream.observe import configure_logging
from aura_stream.ports import Connector


def _print_schema(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(json.dumps(json_schema(option_models(InstalledConnectors())), indent=2))
        context.exit()


@click.command()
@config_argument
@click.option("--offline", is_flag=True, help="Do not test the connections.")
@click.option(
    "--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema, help="Print the JSON Schema."
)
@set_option
def command(config: str, offline: bool, flags: Sequence[tuple[str, str]]) -> None:
    """Validate CONFIG, read its codebook, then reach both ends; nothing is joined, created or changed.

    \b
    Examples:
      aura-stream check orders.yaml
      aura-stream check --offline orders.yaml
      aura-stream check --schema > aura.schema.json

    \b
    Exit codes:
      0   all is well
      1   the codebook is damaged, or the store or its journal is lost
      75  a server does not answer
      78  the configuration must be edited
    """
    connectors = InstalledConnectors()
    loaded = load(config, flags, connectors)
    configure_logging(loaded.logging.format, loaded.logging.level)
    asyncio.run(_check(loaded, connectors, offline))


async def _check(config: Config, connectors: Mapping[str, Connector], offline: bool) -> None:
    async for line in check_bridge(config, connectors, offline):
        click.echo(line)
