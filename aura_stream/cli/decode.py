"""`aura-stream decode`: a file of frames becomes the file of messages again."""

from __future__ import annotations

from typing import BinaryIO

import click

from aura_stream.cli.framing import Chunk, read_chunks
from aura_stream.cli.inout import reading, writing
from aura_stream.cli.options import book_option, framing_option
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.errors import DecodeError, UnwritableMessageError
from aura_stream.model.framing import JOINS


@click.command("decode")
@book_option
@framing_option("How to lay the messages out in OUT.")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
def command(book: str, framing: str, source: str, target: str) -> None:
    """Decode the frames in IN to messages in OUT; - is stdin or stdout.

    With --framing lines each message is followed by LF; a message that holds LF itself needs varint. A frame
    that cannot be decoded ends the work with exit code 1 and names its number and byte offset; the messages
    before it are in OUT.partial.

    \b
    Example:
      aura-stream decode -b orders.book orders.frames orders.log
      aura-stream decode -b orders.book orders.frames - | grep declined
    """
    codec = HybridCodec(Codebook.load(book))
    with reading(source) as frames, writing(target) as output:
        for chunk in read_chunks(frames, "varint", source):
            _restore(codec, chunk, source, framing, output)
            output.flush()


def _restore(codec: HybridCodec, chunk: Chunk, source: str, framing: str, output: BinaryIO) -> None:
    """Write a chunk's messages; when one fails, those before it, so that the output ends where the error says."""
    join = JOINS[framing]
    try:
        messages = codec.decode_batch(chunk.items)
    except DecodeError as error:
        index = error.index or 0
        output.write(join(codec.decode_batch(chunk.items[:index])))
        place = f"{source}: frame {chunk.first + index} at byte {chunk.offsets[index]}"
        error.args = (f"{place}: {error}", *error.args[1:])
        error.index = chunk.first + index
        raise
    try:
        output.write(join(messages))
    except UnwritableMessageError as error:
        output.write(join(messages[: error.index]))
        error.index += chunk.first
        error.args = (f"{source}: message {error.index}: {error}", *error.args[1:])
        raise
