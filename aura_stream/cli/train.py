"""`aura-stream train`: mine a codebook from files of messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from aura_stream.cli.framing import read_chunks
from aura_stream.cli.inout import reading
from aura_stream.cli.options import framing_option
from aura_stream.codec import Codebook
from aura_stream.errors import ConfigError
from aura_stream.mining import Miner


@click.command("train")
@click.option("-o", "--output", "book", metavar="BOOK", required=True, help="The codebook to extend, or to make.")
@click.option("--new", is_flag=True, help="Refuse to extend a BOOK that is there already.")
@click.option("--check-bytes", type=click.Choice(["0", "1", "2", "4"]), help="Check at the end of a frame; default 1.")
@click.option("--raw", type=click.Choice(["plain", "marked"]), help="How a raw message stands; default plain.")
@framing_option("How the messages lie in FILE.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
def command(
    files: tuple[str, ...], book: str, new: bool, check_bytes: str | None, raw: str | None, framing: str
) -> None:
    """Mine a codebook from files of messages, one a line; - is stdin.

    A BOOK that exists is extended: its frames stay readable, and its --check-bytes and --raw stay what they are.

    \b
    Example:
      aura-stream train yesterday.log -o orders.book
      zcat archive/*.gz | aura-stream train - -o orders.book
    """
    before = _opened(book, new, check_bytes, raw)
    console = Console(stderr=True)
    with console.status("reading ...") as status:
        miner = Miner()
        messages, size = _observe(miner, files, framing, status)
        if not messages:
            raise click.UsageError(f"there are no messages in {', '.join(files)}")
        status.update(f"mining {messages:,} messages ...")
        after = before.extended(miner.propose(before))
    after.save(book)
    click.echo(f"{book}: {_content(after)}, from {messages:,} messages ({size:,} bytes)", err=True)


def _opened(book: str, new: bool, check_bytes: str | None, raw: str | None) -> Codebook:
    """Load the book to extend, or begin one. Raises ConfigError where it was made with other properties."""
    if not Path(book).exists():
        return Codebook(int(check_bytes or 1), "marked" if raw == "marked" else "plain")
    if new:
        raise click.UsageError(f"{book} exists; without --new it is extended")
    loaded = Codebook.load(book)
    for option, asked, there in (
        ("--check-bytes", check_bytes, str(loaded.check_bytes)),
        ("--raw", raw, loaded.raw),
    ):
        if asked is not None and asked != there:
            raise ConfigError(f"{book} was made with {option} {there}, which never changes; leave the option out")
    return loaded


def _observe(miner: Miner, files: Sequence[str], framing: str, status: Status) -> tuple[int, int]:
    """Show the miner all files; return how many messages and bytes they held."""
    messages = size = 0
    for name in files:
        with reading(name) as stream:
            for chunk in read_chunks(stream, framing, name):
                miner.observe(chunk.items)
                messages += len(chunk.items)
                size += sum(map(len, chunk.items))
                status.update(f"reading {name}: {messages:,} messages, {size / 1e6:,.1f} MB")
    return messages, size


def _content(book: Codebook) -> str:
    newest = book.newest
    if newest is None or not (newest.templates or newest.dictionary):
        return "empty, for these messages have too little in common"
    number = len(book.generations) - 1
    dictionary = f"a dictionary of {len(newest.dictionary):,} bytes" if newest.dictionary else "no dictionary"
    return f"generation {number} with {len(newest.templates):,} templates and {dictionary}"
