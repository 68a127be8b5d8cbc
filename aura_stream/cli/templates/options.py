"""Options that several verbs of the template store share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
generation_option: Decorator = click.option(
    "--generation", metavar="N", type=click.IntRange(0), help="Of this generation only."
)
