"""`dead-letters replay`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from aura_stream.app.replaying import Rehearsed, Replayed, rehearse, replay
from aura_stream.cli import exit_codes
from aura_stream.cli.configured import config_argument, set_option
from aura_stream.cli.stored import configured
from aura_stream.cli.templates.drawing import printable


@click.command("replay")
@config_argument
@click.option(
    "--only",
    metavar="TOPIC/PARTITION/POSITION",
    multiple=True,
    help="Only the letter of this message, as `list` prints it. May be given again.",
)
@click.option("--dry-run", is_flag=True, help="Transform them, but write and settle nothing; tell what would fail.")
@set_option
def replay_command(config: str, only: Sequence[str], dry_run: bool, flags: Sequence[tuple[str, str]]) -> None:
    """Put the dead letters of CONFIG back through its bridge: the same transform, the same output.

    Those are replayed that lie there now. What goes over is no dead letter any more; what fails again becomes one
    again, with one attempt more. Messages arrive behind later ones of their partition, and at least once: a replay that
    is killed repeats some. With --only, the others before the last one asked for are written again behind it.

    \b
    Examples:
      aura-stream dead-letters replay orders.yaml --dry-run
      aura-stream dead-letters replay orders.yaml
      aura-stream dead-letters replay orders.yaml --only orders.raw/0/1205 --only orders.raw/1/977

    \b
    Exit codes:
      0   all of them went over, or there were none
      1   some failed again, or would; or nothing vouches for the codebook
      2   --only names a message of which there is no dead letter
      75  a server does not answer, or it was told to stop before the end
      78  the configuration must be edited, or names no place for dead letters
    """
    loaded, connectors = configured(config, flags)
    try:
        if dry_run:
            failed = _tell_rehearsal(asyncio.run(rehearse(loaded, connectors, only)))
        else:
            failed = _tell(asyncio.run(replay(loaded, connectors, only)))
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    if failed:
        raise click.exceptions.Exit(exit_codes.DAMAGED)


def _tell(done: Replayed) -> bool:
    """Print what became of them; return whether any failed again."""
    click.echo(f"{done.over} went over, {done.again} became dead letters again{_left(done.left)}")
    return done.again > 0


def _tell_rehearsal(tried: Rehearsed) -> bool:
    """Print what would become of them; return whether any would fail."""
    for note in tried.again:
        text = f"{note.message}: {note.error}: {note.reason}"
        click.echo(printable(text.encode("utf-8", "replace")))
    waiting = f", {tried.waiting} would wait for a template" if tried.waiting else ""
    click.echo(f"{tried.over} would go over, {len(tried.again)} would fail again{waiting}{_left(tried.left)}")
    return bool(tried.again or tried.waiting)


def _left(count: int) -> str:
    return f", {count} are left as they are" if count else ""
