"""The group of verbs, and the one place that turns errors into exit codes."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from types import MappingProxyType

import click

from aura_stream.cli import exit_codes
from aura_stream.errors import AuraError, ConfigError, NotDrainedError, UnavailableError

VERBS: Mapping[str, str] = MappingProxyType(
    {
        "run": "aura_stream.cli.run",
        "discover": "aura_stream.cli.discover",
        "demo": "aura_stream.cli.demo",
        "train": "aura_stream.cli.train",
        "encode": "aura_stream.cli.encode",
        "decode": "aura_stream.cli.decode",
        "check": "aura_stream.cli.check",
        "explain": "aura_stream.cli.explain",
        "templates": "aura_stream.cli.templates.group",
        "dead-letters": "aura_stream.cli.dead_letters",
    }
)
"""Verb → the module that holds it, as a click command named `command`."""

_NOT_OPENED = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST)


class VerbGroup(click.Group):
    """Finds verbs by name, imports only the one that runs, and ends every user mistake in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = VERBS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (AuraError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader of our output left; click ends quietly
            for line in _lines(error):
                click.echo(f"error: {line}", err=True)
            raise click.exceptions.Exit(exit_code_of(error)) from error


def exit_code_of(error: AuraError | OSError) -> int:
    """Classify an error by what the user can do about it."""
    match error:
        case ConfigError():
            return exit_codes.CONFIG
        case UnavailableError() | NotDrainedError():
            return exit_codes.UNAVAILABLE
        case OSError() if error.errno in _NOT_OPENED:
            return exit_codes.USAGE
        case _:
            return exit_codes.DAMAGED


def _lines(error: AuraError | OSError) -> list[str]:
    """One line; only a configuration may hold several mistakes, and each has its own."""
    if isinstance(error, OSError) and error.filename is not None:
        return [f"{error.filename}: {error.strerror}"]
    if isinstance(error, ConfigError):
        return str(error).splitlines()
    return [" ".join(str(error).split())]


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("aura-stream"), prog_name="aura-stream")
def main() -> None:
    """Make each message of a Kafka topic or Redis Stream several times smaller, and byte for byte the same again."""
