"""`aura-stream explain`: what each byte of a frame is for."""

from __future__ import annotations

import os
from collections import deque

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aura_stream.cli.framing import read_chunks
from aura_stream.cli.inout import reading
from aura_stream.cli.templates.drawing import draw_styled, printable, slot_of
from aura_stream.codec import Codebook, HybridCodec, Part
from aura_stream.codec.slots import SlotType
from aura_stream.codec.template import Enum
from aura_stream.errors import UnknownDictionaryError, UnknownTemplateError

NEWER = "the codebook is older than the frame: export a newer one with `aura-stream templates export`"


@click.command("explain")
@click.option(
    "-b", "--book", metavar="BOOK", required=True, help="The codebook, as `train` or `templates export` wrote it."
)
@click.option("--number", metavar="N", type=click.IntRange(0), default=0, help="Which frame of FILE, from 0.")
@click.argument("frame", metavar="HEX|FILE")
def command(book: str, number: int, frame: str) -> None:
    """Show method, template, slots, and the bytes of each, of one frame: hex digits, or from a file of frames.

    Templates that are retired are marked so. Of a frame that names what BOOK does not hold, what its first bytes tell
    is shown, and the exit code is 1.

    \b
    Example:
      aura-stream explain -b orders.book orders.frames --number 12
      aura-stream explain -b orders.book 82019c17
    """
    codec = HybridCodec(Codebook.load(book))
    data = _frame(frame, number)
    try:
        parts = codec.explain(data)
    except (UnknownTemplateError, UnknownDictionaryError) as error:
        click.echo(f"{_headline(codec, data)}: {len(data)} bytes of frame")
        error.args = (f"{error}; {NEWER}", *error.args[1:])
        raise
    size = len(codec.decode(data))
    click.echo(f"{_headline(codec, data)}: {size} bytes of message in {len(data)} bytes of frame")
    Console().print(_table(parts, codec.codebook, codec.peek(data).generation))


def _headline(codec: HybridCodec, frame: bytes) -> str:
    info = codec.peek(frame)
    generation = "" if info.generation is None else f", generation {info.generation}"
    return f"method {info.method}{generation}"


def _table(parts: list[Part], book: Codebook, generation: int | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("part")
    table.add_column("number", justify="right")
    table.add_column("bytes", justify="right")
    table.add_column("what", overflow="fold")
    slots: deque[SlotType | Enum] = deque()  # of the template before
    for part in parts:
        mark = "" if part.number is None else str(part.number)
        what = Text(printable(part.detail.encode()))
        if part.kind == "template" and generation is not None and part.number is not None:
            template = book.generations[generation].templates[part.number]
            slots.extend(slot for _, slot in template.slots)
            what = draw_styled(template)
            if template.digest in book.retired:
                what.append("  (retired: not written with any more)", style="dim")
        elif part.kind == "slot" and slots:
            what = Text(f"{slot_of(slots.popleft())} = {printable(part.detail.partition(' = ')[2].encode())}")
        table.add_row(part.kind, mark, str(part.size), what)
    return table


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
