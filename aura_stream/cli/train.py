"""`aura-stream train`: mine a codebook from files of messages, into a file or into a store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from aura_stream.cli.framing import read_chunks
from aura_stream.cli.inout import reading
from aura_stream.cli.options import framing_option
from aura_stream.cli.stored import with_store
from aura_stream.cli.templates.drawing import printable
from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import ConfigError
from aura_stream.mining import Miner
from aura_stream.ports import TemplateStore


@click.command("train")
@click.option("-o", "--output", "book", metavar="BOOK", help="The codebook to extend, or to make.")
@click.option("--store", metavar="CONFIG", help="The configuration whose store is to learn, in place of a BOOK.")
@click.option("--new", is_flag=True, help="Refuse to extend a BOOK that is there already.")
@click.option("--check-bytes", type=click.Choice(["0", "1", "2", "4"]), help="Check at the end of a frame; default 1.")
@click.option("--raw", type=click.Choice(["plain", "marked"]), help="How a raw message stands; default plain.")
@click.option("--explain", is_flag=True, help="Print why templates were proposed or not; it holds words of messages.")
@framing_option("How the messages lie in FILE.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
def command(
    files: tuple[str, ...],
    book: str | None,
    store: str | None,
    new: bool,
    check_bytes: str | None,
    raw: str | None,
    explain: bool,
    framing: str,
) -> None:
    """Mine templates from files of messages, one a line; - is stdin.

    A BOOK that exists is extended: its frames stay readable, and its --check-bytes and --raw stay what they are. With
    --store, the templates are promoted into the store of a configuration, and workers that run follow within seconds.

    \b
    Example:
      aura-stream train yesterday.log -o orders.book
      zcat archive/*.gz | aura-stream train - -o orders.book
      aura-stream train yesterday.log --store orders.yaml
    """
    if (book is None) == (store is None):
        raise click.UsageError("name either a codebook (-o BOOK) or a configuration (--store CONFIG)")
    learner = _Learner(files, framing, Console(stderr=True))
    if book is not None:
        before = _opened(book, new, check_bytes, raw)
        learned = learner.learn(before)
        after = before.extended(learned.proposal)
        after.save(book)
    else:
        assert store is not None
        if new or check_bytes or raw:
            raise click.UsageError("--new, --check-bytes and --raw are for -o BOOK; a store has its own properties")
        learned, after = with_store(store, (), learner.teach, promotes=True)
    if explain:
        _explain(learned)
    target = book or f"the store of {store}"
    news = "" if learned.proposal or after.newest is None else "nothing new; "
    click.echo(
        f"{target}: {news}{_content(after)}, from {learned.messages:,} messages ({learned.size:,} bytes)", err=True
    )


def _explain(learned: _Learned) -> None:
    for line in learned.explanation:
        click.echo(printable(line.encode()))
    if not learned.explanation:
        why = "a generation is ranked as a whole" if learned.proposal else "nothing is worth a template"
        click.echo(f"no single template was decided on: {why}", err=True)


@dataclass(frozen=True, slots=True)
class _Learned:
    proposal: Proposal
    messages: int
    size: int  # of the messages, in bytes
    explanation: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Learner:
    """Shows a miner all files, and asks it what a book lacks."""

    files: Sequence[str]
    framing: str
    console: Console

    def learn(self, book: Codebook) -> _Learned:
        """Raises UsageError if the files hold no message, OSError if one cannot be read."""
        miner = Miner()
        with self.console.status("reading ...") as status:
            messages, size = self._observe(miner, status)
            if not messages:
                raise click.UsageError(f"there are no messages in {', '.join(self.files)}")
            status.update(f"mining {messages:,} messages ...")
            return _Learned(miner.propose(book), messages, size, miner.explain())

    async def teach(self, store: TemplateStore, book: Codebook) -> tuple[_Learned, Codebook]:
        """Learn what a store's book lacks, and promote it; return the book that it has then."""
        learned = await asyncio.to_thread(self.learn, book)
        return learned, await store.promote(learned.proposal) if learned.proposal else book

    def _observe(self, miner: Miner, status: Status) -> tuple[int, int]:
        """Return how many messages and bytes the files held."""
        messages = size = 0
        for name in self.files:
            with reading(name) as stream:
                for chunk in read_chunks(stream, self.framing, name):
                    miner.observe(chunk.items)
                    messages += len(chunk.items)
                    size += sum(map(len, chunk.items))
                    status.update(f"reading {name}: {messages:,} messages, {size / 1e6:,.1f} MB")
        return messages, size


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


def _content(book: Codebook) -> str:
    newest = book.newest
    if newest is None or not (newest.templates or newest.dictionary):
        return "empty, for these messages have too little in common"
    number = len(book.generations) - 1
    dictionary = f"a dictionary of {len(newest.dictionary):,} bytes" if newest.dictionary else "no dictionary"
    return f"generation {number} with {len(newest.templates):,} templates and {dictionary}"
