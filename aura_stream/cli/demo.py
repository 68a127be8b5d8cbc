"""`aura-stream demo`: the whole product in one table."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

import click
from rich import box
from rich.console import Console
from rich.table import Table

from aura_stream.app.demo import DemoReport, StreamReport, run_demo
from aura_stream.cli import exit_codes

Row = tuple[str, Callable[[StreamReport], str]]

ROWS: tuple[Row, ...] = (
    ("messages", lambda each: f"{each.messages:,}"),
    ("bytes in", lambda each: f"{each.bytes_in:,}"),
    ("bytes out", lambda each: f"{each.bytes_out:,}"),
    ("ratio", lambda each: f"{each.bytes_in / each.bytes_out:.2f}"),
    ("hit rate", lambda each: f"{each.methods['template'] / each.messages:.0%}"),
)
AFTER: tuple[Row, ...] = (
    ("server memory in", lambda each: f"{each.raw_memory:,}"),
    ("server memory out", lambda each: f"{each.compressed_memory:,}"),
    ("memory ratio", lambda each: f"{each.raw_memory / each.compressed_memory:.2f}"),
    ("restored byte-exact", lambda each: f"{each.restored:,}/{each.messages:,}"),
)


@click.command("demo")
def command() -> None:
    """Show the whole product on an embedded server: train, compress, restore, compare.

    Streams of made-up messages (events, logs, API replies, chat) go through two real workers. The codebook has not
    seen the messages that are measured. Needs no server, and leaves nothing behind.

    \b
    Example:
      aura-stream demo
    """
    progress = Console(stderr=True)
    report = run_demo(lambda line: progress.print(line, style="dim", highlight=False))
    Console().print(_table(report))
    total = _total(report)
    click.echo(
        f"The codebook ({report.book_bytes:,} bytes) was trained on {report.trained_on:,} other messages. "
        "Memory is MEMORY USAGE of the streams."
    )
    if total.restored != total.messages:
        click.echo("error: not every message came back as it was", err=True)
        sys.exit(exit_codes.DAMAGED)


def _table(report: DemoReport) -> Table:
    """Draw a column for each stream and one for all, a row for each figure."""
    columns = [*report.streams, _total(report)]
    methods = sorted(columns[-1].methods)
    by_method: list[Row] = [(f"frames: {method}", _count_of(method)) for method in methods]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for each in columns:
        table.add_column(each.name, justify="right", no_wrap=True, style="bold" if each is columns[-1] else "")
    for label, figure in (*ROWS, *by_method, *AFTER):
        table.add_row(label, *map(figure, columns))
    return table


def _count_of(method: str) -> Callable[[StreamReport], str]:
    return lambda each: f"{each.methods[method]:,}"


def _total(report: DemoReport) -> StreamReport:
    streams = report.streams
    return StreamReport(
        name="all",
        messages=sum(each.messages for each in streams),
        bytes_in=sum(each.bytes_in for each in streams),
        bytes_out=sum(each.bytes_out for each in streams),
        methods=sum((each.methods for each in streams), Counter()),  # leaves out what is 0
        raw_memory=sum(each.raw_memory for each in streams),
        compressed_memory=sum(each.compressed_memory for each in streams),
        restored=sum(each.restored for each in streams),
    )
