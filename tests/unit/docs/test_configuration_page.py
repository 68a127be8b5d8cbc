"""docs/configuration.md says of every option what its model says; AURA_UPDATE_DOCS=1 writes the tables anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.cli import exit_codes
from aura_stream.config import parse_config
from aura_stream.config.document import dotted
from aura_stream.config.later import LATER
from tests.unit.docs.reference import render

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
BEGIN, END = (
    "<!-- options: begin (from the models; AURA_UPDATE_DOCS=1 pytest tests/unit/docs) -->\n",
    "<!-- options: end -->",
)


def test_the_tables_are_those_of_the_models() -> None:
    text = PAGE.read_text("utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    expected = f"{before}{BEGIN}{render()}{END}{after}"
    if os.environ.get("AURA_UPDATE_DOCS"):
        PAGE.write_text(expected, "utf-8")
    assert PAGE.read_text("utf-8") == expected


def test_every_option_has_a_meaning() -> None:
    rows = [line for line in render().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))
def test_every_file_it_shows_is_valid(text: str) -> None:
    environ = {"KAFKA_PASSWORD": "x", "REDIS_PASSWORD": "x"}
    parse_config(text, "shown.yaml", option_models(InstalledConnectors()), environ)


def test_every_exit_code_is_explained() -> None:
    text = PAGE.read_text("utf-8")
    codes = [value for name, value in vars(exit_codes).items() if name.isupper()]
    assert [code for code in codes if f"| {code} |" not in text] == []


def test_every_key_that_is_not_built_yet_is_named() -> None:
    text = PAGE.read_text("utf-8")
    assert [dotted(path) for path in LATER if f"`{dotted(path)}`" not in text] == []
