"""`aura-stream dead-letters`: looking at messages that could not go over a bridge, and sending them over again."""

from __future__ import annotations

import click

from aura_stream.cli import dead_letters_looking, dead_letters_replaying


@click.group("dead-letters")
def command() -> None:
    """Look at the dead letters of a configuration, and put them back through its bridge.

    A message that cannot be transformed, or that the output refuses, is kept where `dead_letter` says, as it came in,
    with a note that tells why.

    \b
    Examples:
      aura-stream dead-letters list orders.yaml
      aura-stream dead-letters show orders.yaml orders.raw.dead/0/17
      aura-stream dead-letters replay orders.yaml
    """


for _verb in (
    dead_letters_looking.list_command,
    dead_letters_looking.show_command,
    dead_letters_replaying.replay_command,
):
    command.add_command(_verb)
