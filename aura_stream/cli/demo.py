"""`aura-stream demo`: the whole product, live and in one table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aura_stream.app.demo import Audience, run_demo
from aura_stream.app.demo_report import DemoReport, Moment, Share
from aura_stream.cli import exit_codes
from aura_stream.observe import configure_logging

Row = tuple[str, Callable[[Share], str]]

ROWS: Final[tuple[Row, ...]] = (
    ("messages", lambda each: f"{each.messages:,}"),
    ("bytes in", lambda each: f"{each.bytes_in:,}"),
    ("bytes out", lambda each: f"{each.bytes_out:,}"),
    ("ratio", lambda each: f"{each.ratio:.2f}"),
    ("hit rate", lambda each: f"{each.hit_rate:.0%}"),
)
PLAIN_EVERY: Final = 1.0  # seconds between two lines where there is no terminal
BAR: Final = 30  # columns of a full bar


@click.command("demo")
def command() -> None:
    """Show the whole product on an embedded server: learn, compress, lose the store, restore, compare.

    Streams of made-up messages (events, logs, API replies, chat) go through a real bridge that knows nothing at first.
    Discovery learns beside it, and the hit rate climbs; then the messages take another shape, and it climbs again. At
    last the template store in Redis is emptied and rebuilt from its journal, and every message is restored and
    compared. Takes about half a minute, needs no server, and leaves nothing behind.

    \b
    Example:
      aura-stream demo
    """
    configure_logging("console", "critical")  # that the store is lost is part of the show
    with _audience() as audience:
        report = run_demo(audience)
    Console().print(_table(report))
    click.echo(
        "A hit is a message that templates spell in half its size or less. `new` and `changed` are the first tenth of "
        "the messages of a shape, `learned` and `relearned` the last quarter."
    )
    click.echo(
        f"{report.templates:,} templates in the newest of {report.generations} generations; store and journal take "
        f"{report.store_memory:,} bytes. Memory is MEMORY USAGE of the streams."
    )
    if report.restored != report.total.messages:
        click.echo("error: not every message came back as it was", err=True)
        sys.exit(exit_codes.DAMAGED)


@contextmanager
def _audience() -> Iterator[Audience]:
    """A live line on a terminal, a line each second otherwise; on stderr."""
    console = Console(stderr=True)

    def tell(line: str) -> None:
        console.print(line, style="dim", highlight=False, soft_wrap=True)

    if not console.is_terminal:
        yield Audience(tell, _EverySecond(console))
        return
    with Live(Text(""), console=console, transient=True, auto_refresh=False) as live:
        yield Audience(tell, lambda moment: live.update(_line(moment), refresh=True))


class _EverySecond:
    """Prints a moment, but not more often than that."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def __call__(self, moment: Moment) -> None:
        if moment.seconds >= self._next:
            self._next = moment.seconds + PLAIN_EVERY
            self._console.print(_line(moment), highlight=False, soft_wrap=True)


def _line(moment: Moment) -> Text:
    full = round(BAR * (moment.hit_rate or 0.0))
    line = Text(f"{moment.seconds:5.1f} s  {moment.phase:<13}  ")
    line.append("━" * full, style="green")
    line.append("╌" * (BAR - full), style="dim")
    hits = "   -" if moment.hit_rate is None else f"{moment.hit_rate:4.0%}"
    ratio = "    -" if moment.ratio is None else f"{moment.ratio:5.2f}"
    line.append(f"  {hits} hits  ratio {ratio}  {moment.templates:,} templates")
    return line


def _table(report: DemoReport) -> Table:
    """Draw a column for each phase at its beginning and its end, and one for all; a row for each figure."""
    total = report.total
    methods = sorted(method for method, count in total.methods.items() if count)
    by_method: list[Row] = [(f"frames: {method}", _count_of(method)) for method in methods]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for each in report.shares:
        table.add_column(each.name, justify="right", no_wrap=True, style="bold" if each is total else "")
    for label, figure in (*ROWS, *by_method):
        table.add_row(label, *map(figure, report.shares))
    blank = [""] * (len(report.shares) - 1)
    table.add_row("server memory in", *blank, f"{report.raw_memory:,}")
    table.add_row("server memory out", *blank, f"{report.compressed_memory:,}")
    table.add_row("memory ratio", *blank, f"{report.raw_memory / report.compressed_memory:.2f}")
    table.add_row("restored byte-exact", *blank, f"{report.restored:,}/{total.messages:,}")
    return table


def _count_of(method: str) -> Callable[[Share], str]:
    return lambda each: f"{each.methods[method]:,}"
