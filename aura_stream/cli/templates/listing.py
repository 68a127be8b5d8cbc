"""`templates list` and `templates show`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aura_stream.app.templates import SHORT_DIGEST, Entry, entries_of, find_entry, since_generation
from aura_stream.cli.configured import config_argument, set_option
from aura_stream.cli.stored import only_book, with_store
from aura_stream.cli.templates.drawing import draw, draw_styled, printable, slot_of
from aura_stream.cli.templates.options import generation_option, json_option
from aura_stream.codec import Codebook

FOR_PEOPLE: Final = 100  # rows of a table, unless --limit says otherwise
_UNFOLDED: Final = 5000  # columns; a template has at most 1000 bytes of literals


@click.command("list")
@config_argument
@generation_option
@click.option(
    "--limit", metavar="N", type=click.IntRange(0), help="Show so many; 0: all. Default: 100, or all of JSON."
)
@json_option
@set_option
def list_command(
    config: str, generation: int | None, limit: int | None, as_json: bool, flags: Sequence[tuple[str, str]]
) -> None:
    """List the templates of CONFIG's store by generation and number.

    \b
    Examples:
      aura-stream templates list orders.yaml
      aura-stream templates list orders.yaml --generation 2 --limit 20
      aura-stream templates list orders.yaml --json | jq '.[] | select(.retired)'
    """
    book = with_store(config, flags, only_book)
    try:
        entries = list(entries_of(book, generation))
    except LookupError as error:
        raise click.UsageError(str(error)) from error
    if limit is None:
        limit = 0 if as_json else FOR_PEOPLE
    shown = entries[: limit or None]
    if as_json:
        click.echo(json.dumps([_row(entry) for entry in shown], indent=2))
        return
    if shown:
        _console().print(_table(shown))
    click.echo(_summary(book, len(entries) - len(shown)))


@click.command("show")
@config_argument
@click.argument("name", metavar="NUMBER|DIGEST")
@generation_option
@json_option
@set_option
def show_command(
    config: str, name: str, generation: int | None, as_json: bool, flags: Sequence[tuple[str, str]]
) -> None:
    """Show one template of CONFIG's store: its pattern, its symbols, its bytes.

    A number means the newest generation's, unless --generation names another one; a digest may be cut to its
    first 8 digits.

    \b
    Examples:
      aura-stream templates show orders.yaml 12
      aura-stream templates show orders.yaml 12 --generation 0
      aura-stream templates show orders.yaml 5f0c92ab17de
    """
    book = with_store(config, flags, only_book)
    try:
        entry = find_entry(book, name, generation)
    except LookupError as error:
        raise click.UsageError(str(error)) from error
    since = since_generation(book, entry.template)
    if as_json:
        symbols = [_symbol(symbol) for symbol in entry.template.symbols]
        body = entry.template.body.hex()
        click.echo(json.dumps({**_row(entry), "since": since, "symbols_in_order": symbols, "body": body}, indent=2))
        return
    click.echo(f"template {entry.number} of generation {entry.generation}, since generation {since}")
    click.echo(f"digest   {entry.digest}{'  (retired: not written with any more)' if entry.retired else ''}")
    click.echo(f"bytes    {entry.literal_bytes} of literals, {len(entry.template.body)} in a codebook")
    click.echo(f"pattern  {draw(entry.template, with_values=True)}")
    _console().print(_symbol_table(entry))


def _console() -> Console:
    """Return a console that folds lines for people only: what is piped on has a template a line."""
    console = Console()
    return console if console.is_terminal else Console(width=_UNFOLDED)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "generation": entry.generation,
        "number": entry.number,
        "digest": entry.digest,
        "symbols": len(entry.template.symbols),
        "slots": len(entry.template.slots),
        "literal_bytes": entry.literal_bytes,
        "retired": entry.retired,
        "pattern": draw(entry.template),
    }


def _table(entries: Sequence[Entry]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("generation", "number"):
        table.add_column(name, justify="right")
    table.add_column("digest", no_wrap=True)
    for name in ("symbols", "slots", "literal bytes"):
        table.add_column(name, justify="right")
    table.add_column("pattern", overflow="fold")
    for entry in entries:
        pattern = draw_styled(entry.template)
        if entry.retired:
            pattern.append("  (retired)", style="dim")
        numbers = (len(entry.template.symbols), len(entry.template.slots), entry.literal_bytes)
        table.add_row(
            str(entry.generation), str(entry.number), entry.digest[:SHORT_DIGEST], *map(str, numbers), pattern
        )
    return table


def _symbol_table(entry: Entry) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("symbol", justify="right")
    table.add_column("kind")
    table.add_column("what", overflow="fold")
    for place, symbol in enumerate(entry.template.symbols):
        literal = isinstance(symbol, bytes)
        what = f"'{printable(symbol)}'" if isinstance(symbol, bytes) else slot_of(symbol, with_values=True)
        table.add_row(str(place), "literal" if literal else "slot", Text(what), style="" if literal else "cyan")
    return table


def _symbol(symbol: Any) -> dict[str, str]:
    return {"literal": printable(symbol)} if isinstance(symbol, bytes) else {"slot": slot_of(symbol, with_values=True)}


def _summary(book: Codebook, hidden: int) -> str:
    newest = book.newest
    more = f"{hidden:,} more; --limit 0 shows all. " if hidden else ""
    if newest is None:
        return "the store holds no template yet"
    total = sum(len(each.templates) for each in book.generations)
    dictionary = f"a dictionary of {len(newest.dictionary):,} bytes" if newest.dictionary else "no dictionary"
    return (
        f"{more}{len(book.generations)} generations, {total:,} templates in all, {len(book.retired)} retired; "
        f"the newest generation has {len(newest.templates):,} and {dictionary}"
    )
