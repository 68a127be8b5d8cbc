"""`aura-stream encode`: a file of messages becomes a file of frames."""

from __future__ import annotations

import click

from aura_stream.cli.framing import read_chunks
from aura_stream.cli.inout import reading, writing
from aura_stream.cli.options import book_option, framing_option
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.codec.hybrid import Destination
from aura_stream.model.framing import join_varint


@click.command("encode")
@book_option
@framing_option("How the messages lie in IN.")
@click.option(
    "--destination",
    type=click.Choice(["standalone", "batched"]),
    default="standalone",
    show_default=True,
    help="standalone: the smallest frames; batched: frames that a compressed batch can still squeeze.",
)
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
def command(book: str, framing: str, destination: Destination, source: str, target: str) -> None:
    """Encode the messages in IN to frames in OUT; - is stdin or stdout.

    Frames are written one after the other, each behind its length (unsigned LEB128). OUT appears when all of
    IN is through.

    \b
    Example:
      aura-stream encode -b orders.book orders.log orders.frames
      tail -n 1000 orders.log | aura-stream encode -b orders.book - - | wc -c
    """
    codec = HybridCodec(Codebook.load(book), destination=destination)
    with reading(source) as messages, writing(target) as output:
        for chunk in read_chunks(messages, framing, source):
            output.write(join_varint(codec.encode_batch(chunk.items)))
            output.flush()
