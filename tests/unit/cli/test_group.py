"""The group of verbs: each with an example, each error with its exit code and in one line."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from aura_stream.cli import exit_codes, main
from aura_stream.cli.group import VERBS, VerbGroup, exit_code_of
from aura_stream.errors import (
    AuraError,
    CodebookError,
    ConfigError,
    CorruptFrameError,
    MessageError,
    NotDrainedError,
    UnavailableError,
    UnwritableMessageError,
)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_shows_an_example(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0
    assert f"aura-stream {verb}" in result.output.split("Example", 1)[1]


def test_help_and_version() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert all(f"\n  {verb} " in result.output for verb in VERBS)
    assert "aura-stream, version" in CliRunner().invoke(main, ["--version"]).output


@pytest.mark.parametrize("arguments", [["fly"], ["run"], ["run", "--fly", "x"]])
def test_a_wrong_command_line_exits_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == exit_codes.USAGE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 78),
        (UnavailableError("x"), 75),
        (NotDrainedError("x", 3), 75),
        (MessageError("x", "t/0", 3), 1),
        (CorruptFrameError("x"), 1),
        (CodebookError("x"), 1),
        (UnwritableMessageError("x", 0), 1),
        (FileNotFoundError(2, "No such file", "x"), 2),
        (PermissionError(13, "Permission denied", "x"), 2),
        (OSError(28, "No space left on device", "x"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: AuraError | OSError, code: int) -> None:
    assert exit_code_of(error) == code


def _ending(error: Exception) -> click.Group:
    group = VerbGroup("test")

    @click.command()
    def command() -> None:
        raise error

    group.get_command = lambda ctx, cmd_name: command  # type: ignore[method-assign]
    return group


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (ConfigError("a: one\nb: two"), ["error: a: one", "error: b: two"]),
        (UnavailableError("several\n  lines of\na library"), ["error: several lines of a library"]),
        (FileNotFoundError(2, "No such file or directory", "x.log"), ["error: x.log: No such file or directory"]),
    ],
)
def test_a_mistake_ends_in_one_line_and_no_traceback(error: Exception, lines: list[str]) -> None:
    result = CliRunner().invoke(_ending(error), ["any"])
    assert result.stderr.splitlines() == lines


def test_an_error_of_ours_is_not_taken_for_a_mistake_of_the_user() -> None:
    result = CliRunner().invoke(_ending(ZeroDivisionError()), ["any"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_one_verb_does_not_import_another() -> None:
    program = (
        "import sys, aura_stream.cli as c\n"
        "try: c.main(['explain', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'aiokafka', 'redis', 'aura_stream.cli.run'} & set(sys.modules), 'imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
