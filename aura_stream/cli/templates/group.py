"""`aura-stream templates`: looking at, exchanging and mending what a namespace has learned."""

from __future__ import annotations

import click

from aura_stream.cli.templates import care, exchange, listing


@click.group("templates")
def command() -> None:
    """Look at the templates that a configuration's store holds; export, import, check, retire them.

    \b
    Examples:
      aura-stream templates list orders.yaml
      aura-stream templates show orders.yaml 12
      aura-stream templates export orders.yaml orders.book
      aura-stream templates verify orders.yaml --sample 1000
    """


for _verb in (
    listing.list_command,
    listing.show_command,
    exchange.export_command,
    exchange.import_command,
    care.verify_command,
    care.retire_command,
    care.rebuild_command,
):
    command.add_command(_verb)
