"""Options that several verbs share, declared once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from aura_stream.model.framing import SPLITS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

book_option: Decorator = click.option(
    "-b", "--book", metavar="BOOK", required=True, help="The codebook, as `train` or `templates export` wrote it."
)


def framing_option(text: str) -> Decorator:
    """Name the framing of messages; frames in files are always varint."""
    return click.option("--framing", type=click.Choice(list(SPLITS)), default="lines", show_default=True, help=text)
