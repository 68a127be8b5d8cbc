"""`templates export` and `templates import`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from aura_stream.app.importing import Content, ImportPlan, plan_import, read_import
from aura_stream.cli import exit_codes
from aura_stream.cli.configured import config_argument, set_option
from aura_stream.cli.stored import configured, only_book, with_store
from aura_stream.cli.templates.drawing import draw
from aura_stream.codec import Codebook
from aura_stream.errors import CodebookError
from aura_stream.ports import TemplateStore

_file = click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))


@click.command("export")
@config_argument
@_file
@set_option
def export_command(config: str, file: str, flags: Sequence[tuple[str, str]]) -> None:
    """Write all that CONFIG's store holds to FILE, as one codebook: every generation, retired templates too.

    With it, frames of the namespace decode anywhere, for ever. A FILE that is there is replaced if it is an older
    export of the same store; anything else is left alone.

    \b
    Examples:
      aura-stream templates export orders.yaml orders.book
      aura-stream decode -b orders.book orders.frames -
    """
    loaded, _ = configured(config, flags)
    book = with_store(config, flags, only_book)
    _require_replaceable(Path(file), loaded.store.file.path if loaded.store.file else None, book)
    book.save(file)
    total = sum(len(each.templates) for each in book.generations)
    click.echo(
        f"{file}: {len(book.generations)} generations, {total:,} templates, {len(book.retired)} retired", err=True
    )


def _require_replaceable(file: Path, own: Path | None, book: Codebook) -> None:
    """Raise UsageError for a file whose loss would orphan frames, or cost a process what it learns meanwhile."""
    if not file.exists():
        return
    if own is not None and own.exists() and file.samefile(own):
        raise click.UsageError(f"{file} is the store itself; name another file")
    try:
        older = Codebook.load(file).is_prefix_of(book)
    except CodebookError:
        older = False
    if not older:
        raise click.UsageError(f"{file} is there, and no older export of this store; name another file, or remove it")


@click.command("import")
@config_argument
@_file
@click.option("--dry-run", is_flag=True, help="Show what would be imported and refused; change nothing.")
@click.option("--phrases", is_flag=True, help="Of JSON patterns, import the texts between slots as well.")
@click.option("--skip-refused", is_flag=True, help="Exit 0 though entries were refused.")
@set_option
def import_command(
    config: str, file: str, dry_run: bool, phrases: bool, skip_refused: bool, flags: Sequence[tuple[str, str]]
) -> None:
    """Bring the templates of FILE into CONFIG's store: a codebook, or a JSON store of AURA.

    Of a codebook, those of its newest generation that are not retired come in; of a JSON store, each pattern whose
    braces are slots ({0} or {name}). A slot takes one word: where values are longer, --phrases lets the texts around
    them count by themselves. Each entry is screened as the miner's are: one that holds what looks like an address, a
    key, a card or another long number is refused, and named. The others become ordinary entries of the namespace,
    under numbers of its own, and cannot be taken back (`templates retire` stops their use).

    \b
    Examples:
      aura-stream templates import orders.yaml platform.json --dry-run
      aura-stream templates import orders.yaml platform.json
      aura-stream templates import tenant-b.yaml tenant-a.book --skip-refused

    \b
    Exit codes:
      0   every entry was imported or known already (with --skip-refused also where others were refused)
      1   entries were refused (the others were imported), or FILE is damaged or neither kind of file
    """
    content = read_import(file, phrases)
    plan = with_store(config, flags, lambda store, book: _import(store, book, content, dry_run), promotes=True)
    if dry_run:
        for template in plan.proposal.templates:
            click.echo(f"would be imported: {draw(template)}")
    for refusal in plan.refused:
        click.echo(f"refused: {refusal.name} {refusal.reason}", err=True)
    for note in plan.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{file}: {_counts(plan, 'would be imported' if dry_run else 'imported')}")
    if plan.refused and not skip_refused:
        sys.exit(exit_codes.DAMAGED)


async def _import(store: TemplateStore, book: Codebook, content: Content, dry_run: bool) -> ImportPlan:
    plan = plan_import(book, content)
    if plan.proposal and not dry_run:
        await store.promote(plan.proposal)
    return plan


def _counts(plan: ImportPlan, imported: str) -> str:
    dictionary = " and a dictionary" if plan.proposal.dictionary else ""
    counts = f"{len(plan.proposal.templates):,} {imported}{dictionary}, {len(plan.known):,} known already"
    return f"{counts}, {len(plan.refused):,} refused"
