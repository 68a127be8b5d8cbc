"""`dead-letters list` and `dead-letters show`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table

from aura_stream.app.dead_letters import Letter, find_letters, read_letters
from aura_stream.cli.configured import config_argument, set_option
from aura_stream.cli.inout import writing
from aura_stream.cli.stored import configured
from aura_stream.cli.templates.drawing import printable
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.errors import CorruptFrameError
from aura_stream.model import Entries, Metadata, Records

FOR_PEOPLE: Final = 100  # rows of a table, unless --limit says otherwise
_UNFOLDED: Final = 5000  # columns; a reason has at most 500 characters
_NO_NOTE: Final = "no note of ours: somebody else wrote it there"
_ROW: Final = 16  # bytes in a line of a hex dump


@click.command("list")
@config_argument
@click.option(
    "--limit", metavar="N", type=click.IntRange(0), help="Show so many; 0: all. Default: 100, or all of JSON."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@set_option
def list_command(config: str, limit: int | None, as_json: bool, flags: Sequence[tuple[str, str]]) -> None:
    """List the dead letters of CONFIG that are not replayed yet: where each lies, and why; never what is in it.

    Nothing is joined or changed.

    \b
    Examples:
      aura-stream dead-letters list orders.yaml
      aura-stream dead-letters list orders.yaml --limit 0
      aura-stream dead-letters list orders.yaml --json | jq 'group_by(.error)[] | [.[0].error, length]'

    \b
    Exit codes:
      0   listed, also where there are none
      75  a server does not answer
      78  the configuration must be edited, or names no place for dead letters
    """
    if limit is None:
        limit = 0 if as_json else FOR_PEOPLE
    letters = asyncio.run(_letters(config, flags, limit + 1 if limit else 0))
    shown = letters[: limit or None]
    if as_json:
        click.echo(json.dumps([_row(letter) for letter in shown], indent=2))
        return
    if shown:
        _console().print(_table(shown))
    more = "; there are more, --limit 0 shows all" if len(letters) > len(shown) else ""
    count = "1 dead letter" if len(shown) == 1 else f"{len(shown) or 'no'} dead letters"
    click.echo(f"{count}{more}")


async def _letters(config: str, flags: Sequence[tuple[str, str]], most: int) -> list[Letter]:
    """Return dead letters, no more than `most` unless that is 0, without what is in them."""
    letters: list[Letter] = []
    async with aclosing(read_letters(*configured(config, flags))) as reading:
        async for letter in reading:
            letters.append(letter)
            if len(letters) == most:
                break
    return letters


@click.command("show")
@config_argument
@click.argument("places", metavar="PLACE...", nargs=-1, required=True)
@click.option("--payload", is_flag=True, help="Print what is in it too: key, headers, and the message in hex.")
@click.option("-o", "output", metavar="FILE", help="Write the bytes of the message there, as they are; `-` is stdout.")
@set_option
def show_command(
    config: str, places: Sequence[str], payload: bool, output: str | None, flags: Sequence[tuple[str, str]]
) -> None:
    """Show dead letters of CONFIG: the note, and what came beside the message.

    PLACE is where it lies, as `list` prints it: TOPIC/PARTITION/POSITION, or POSITION alone where only one has it.

    \b
    Examples:
      aura-stream dead-letters show orders.yaml orders.raw.dead/0/17
      aura-stream dead-letters show orders.yaml 17 --payload
      aura-stream dead-letters show orders.yaml 17 -o frame.bin

    \b
    Exit codes:
      0   shown
      2   no dead letter lies there, or several do
      75  a server does not answer
      78  the configuration must be edited, or names no place for dead letters
    """
    letters = asyncio.run(_found(config, flags, places))
    if output is not None:
        _write(letters, output)
        return
    for letter in letters:
        for line in _described(letter, payload):
            click.echo(line)


async def _found(config: str, flags: Sequence[tuple[str, str]], places: Sequence[str]) -> list[Letter]:
    """Return the letters in these places. Raises UsageError unless each place means one."""
    found = await find_letters(*configured(config, flags), places)
    for place, letters in found.items():
        if not letters:
            raise click.UsageError(f"no dead letter lies at {place}")
        if len(letters) > 1:
            names = ", ".join(letter.name for letter in letters[:5])
            raise click.UsageError(f"{place} may be one of {len(letters)}: {names}")
    return [letters[0] for letters in found.values()]


def _write(letters: Sequence[Letter], output: str) -> None:
    if len(letters) != 1:
        raise click.UsageError("-o takes the bytes of one dead letter")
    value = letters[0].value
    if value is None:
        raise click.UsageError(f"{letters[0].name} is a null: it has no bytes")
    with writing(output) as file:
        file.write(value)


def _described(letter: Letter, payload: bool) -> Iterator[str]:
    yield _safe(letter.name)
    note, value = letter.note, letter.value
    if note is None:
        yield f"  {_NO_NOTE}"
    else:
        yield f"  message    {_safe(note.message)}"
        yield f"  reason     {_safe(note.error)}: {_safe(note.reason)}"
        yield f"  time       {_time(note.time)}"
        yield f"  attempts   {note.attempts}"
        yield f"  direction  {_safe(note.direction)}"
        yield f"  codebook   {_safe(note.codebook) or 'none'}"
    yield f"  bytes      {'null' if value is None else len(value)}"
    if note is not None and note.direction == "decode" and value is not None:
        yield f"  frame      {_frame(value)}"
    yield from _beside(letter.message.metadata, payload)
    if payload and value is not None:
        yield from _dump(value)


def _frame(value: bytes) -> str:
    """Tell what the first bytes of a frame say; a codebook is not needed for that."""
    try:
        info = HybridCodec(Codebook()).peek(value)
    except CorruptFrameError as error:
        return f"none: {error}"
    generation = "" if info.generation is None else f", generation {info.generation}"
    template = "" if info.template is None else f", begins with template {info.template}"
    return f"method {info.method}{generation}{template}"


def _beside(metadata: Metadata, payload: bool) -> Iterator[str]:
    match metadata:
        case Records():
            yield f"  timestamp  {_time(metadata.timestamps[0] / 1000)}"
            yield f"  key        {_content(metadata.keys[0], payload)}"
            for name, value in metadata.headers[0]:
                yield f"  header     {_safe(name)}: {_content(value, payload)}"
        case Entries():
            yield f"  entry      {metadata.ids[0].decode('ascii', 'replace')}"
            for field, content in metadata.fields[0]:
                yield f"  field      {printable(field)}: {_content(content, payload)}"


def _content(value: bytes | None, payload: bool) -> str:
    if value is None:
        return "null"
    return f"'{printable(value)}'" if payload else f"{len(value)} bytes"


def _dump(value: bytes) -> Iterator[str]:
    for start in range(0, len(value), _ROW):
        row = value[start : start + _ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"  {start:08x}  {row.hex(' '):<{3 * _ROW}} {text}"


def _row(letter: Letter) -> dict[str, Any]:
    note = letter.note
    row: dict[str, Any] = {"place": letter.name, "bytes": None if letter.value is None else len(letter.value)}
    if note is None:
        return row
    return row | {
        "time": _time(note.time),
        "topic": note.topic,
        "partition": note.partition,
        "position": note.position,
        "direction": note.direction,
        "error": note.error,
        "reason": note.reason,
        "attempts": note.attempts,
        "codebook": note.codebook,
    }


def _table(letters: Sequence[Letter]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("place", "time", "message", "bytes", "attempts"):
        table.add_column(name, overflow="fold", justify="right" if name in ("bytes", "attempts") else "left")
    table.add_column("why", overflow="fold")
    for letter in letters:
        note, size = letter.note, "null" if letter.value is None else str(len(letter.value))
        if note is None:
            table.add_row(_safe(letter.name), "", "", size, "", _NO_NOTE)
        else:
            why = f"{_safe(note.error)}: {_safe(note.reason)}"
            table.add_row(_safe(letter.name), _time(note.time), _safe(note.message), size, str(note.attempts), why)
    return table


def _console() -> Console:
    """Return a console that folds lines for people only: what is piped on has a letter a line."""
    console = Console(markup=False, highlight=False)
    return console if console.is_terminal else Console(width=_UNFOLDED, markup=False, highlight=False)


def _safe(text: str) -> str:
    """Return text of a note, which anybody may have written, without what a terminal obeys."""
    return printable(text.encode("utf-8", "replace"))


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return "unknown"
