"""`aura-stream explain`: what each byte of a frame is for."""

from __future__ import annotations

import os

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aura_stream.cli.framing import read_chunks
from aura_stream.cli.inout import reading
from aura_stream.cli.options import book_option
from aura_stream.codec import Codebook, HybridCodec


@click.command("explain")
@book_option
@click.option("--number", metavar="N", type=click.IntRange(0), default=0, help="Which frame of FILE, from 0.")
@click.argument("frame", metavar="HEX|FILE")
def command(book: str, number: int, frame: str) -> None:
    """Show method, template, slots, and the bytes of each, of one frame: hex digits, or from a file of frames.

    \b
    Example:
      aura-stream explain -b orders.book orders.frames --number 12
      aura-stream explain -b orders.book 82019c17
    """
    codec = HybridCodec(Codebook.load(book))
    data = _frame(frame, number)
    message = codec.decode(data)
    info = codec.peek(data)
    generation = "" if info.generation is None else f", generation {info.generation}"
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("part")
    table.add_column("number", justify="right")
    table.add_column("bytes", justify="right")
    table.add_column("what", overflow="fold")
    for part in codec.explain(data):
        mark = "" if part.number is None else str(part.number)
        table.add_row(part.kind, mark, str(part.size), Text(part.detail))
    click.echo(f"method {info.method}{generation}: {len(message)} bytes of message in {len(data)} bytes of frame")
    Console().print(table)


def _frame(text: str, number: int) -> bytes:
    """Return the frame that the argument means. Raises UsageError where it means none."""
    if text == "-" or os.path.exists(text):  # False for digits too long to be a name
        with reading(text) as stream:
            for chunk in read_chunks(stream, "varint", text):
                if number < chunk.first + len(chunk.items):
                    return chunk.items[number - chunk.first]
        raise click.UsageError(f"{text} has no frame number {number}")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise click.UsageError(f"{text} is neither a file nor hex digits") from None
