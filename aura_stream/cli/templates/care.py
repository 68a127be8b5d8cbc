"""`templates verify`, `templates retire` and `templates rebuild`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aura_stream.app.templates import Entry, find_entry
from aura_stream.app.verifying import Verification, verify_store
from aura_stream.cli import exit_codes
from aura_stream.cli.configured import config_argument, set_option
from aura_stream.cli.stored import configured, with_store
from aura_stream.cli.templates.options import generation_option, json_option
from aura_stream.codec import Codebook
from aura_stream.ports import TemplateStore

_STYLES = {"ok": "green", "unknown": "yellow", "repairable": "yellow", "lost": "red"}
REBUILD = (
    "The store of namespace {namespace} is written anew from the journal and the mirror, into a new generation. "
    "Frames that are there stay readable; what stands in neither copy is lost. Workers follow by themselves."
)


@click.command("verify")
@config_argument
@click.option(
    "--sample", metavar="N", type=click.IntRange(0), default=1000, show_default=True,
    help="Decode the last N frames of each output as well; 0: none.",
)  # fmt: skip
@json_option
@set_option
def verify_command(config: str, sample: int, as_json: bool, flags: Sequence[tuple[str, str]]) -> None:
    """Check CONFIG's store: digests, numbers, journal against mirror against shared log; and that it decodes.

    Every template of every generation is used in a frame made for it and read back; then frames of the output are
    decoded. Nothing is changed, and no consumer group is joined.

    \b
    Examples:
      aura-stream templates verify orders.yaml
      aura-stream templates verify orders.yaml --sample 100000 --json

    \b
    Exit codes:
      0   all is well
      1   something is damaged or missing
      75  a server does not answer
    """
    loaded, connectors = configured(config, flags)
    report = with_store(config, flags, lambda store, _: verify_store(store, loaded, connectors, sample))
    if as_json:
        click.echo(json.dumps({"ok": report.ok, **asdict(report)}, indent=2))
    else:
        Console().print(_table(report))
        for note in report.notes:
            click.echo(f"note: {note}")
        click.echo(_summary(report))
    if not report.ok:
        sys.exit(exit_codes.DAMAGED if report.damaged else exit_codes.UNAVAILABLE)


@click.command("retire")
@config_argument
@click.argument("names", metavar="NUMBER|DIGEST...", nargs=-1, required=True)
@generation_option
@set_option
def retire_command(
    config: str, names: tuple[str, ...], generation: int | None, flags: Sequence[tuple[str, str]]
) -> None:
    """Write with these templates of CONFIG's store no longer. They decode for ever, and are not forgotten.

    \b
    Examples:
      aura-stream templates retire orders.yaml 12 13
      aura-stream templates retire orders.yaml 5f0c92ab17de
    """

    async def retire(store: TemplateStore, book: Codebook) -> list[Entry]:
        try:
            entries = [find_entry(book, name, generation) for name in names]
        except LookupError as error:
            raise click.UsageError(str(error)) from error
        await store.retire({entry.template.digest for entry in entries})
        return entries

    for entry in with_store(config, flags, retire):
        again = ", as it was" if entry.retired else ""
        click.echo(f"template {entry.number} of generation {entry.generation} ({entry.digest}) is retired{again}")


@click.command("rebuild")
@config_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@set_option
def rebuild_command(config: str, yes: bool, flags: Sequence[tuple[str, str]]) -> None:
    """Write CONFIG's store anew from the journal and the mirror: after it was emptied, rolled back or swapped.

    A new generation begins; no number is ever given twice. `aura-stream discover` does the same by itself.

    \b
    Example:
      aura-stream templates rebuild orders.yaml
    """
    loaded, _ = configured(config, flags)
    click.echo(REBUILD.format(namespace=loaded.namespace), err=True)
    if not yes:
        click.confirm("Rebuild it?", abort=True, err=True)
    book = with_store(config, flags, lambda store, _: store.rebuild())
    total = sum(len(each.templates) for each in book.generations)
    click.echo(f"rebuilt: {len(book.generations)} generations, {total:,} templates, {len(book.retired)} retired")


def _summary(report: Verification) -> str:
    if report.damaged:
        mends = any(finding.severity == "repairable" for finding in report.findings)
        how = "; `aura-stream templates rebuild` mends what another copy still holds" if mends else ""
        return f"something is damaged: see above{how}"
    return "all is well" if report.ok else "not all could be looked at: see above; try again when the servers answer"


def _table(report: Verification) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("checked", overflow="fold")
    table.add_column("found", overflow="fold")
    for finding in report.findings:
        found = finding.problem or "well"
        table.add_row(Text(finding.subject), Text(found, style=_STYLES[finding.severity]))
    return table
