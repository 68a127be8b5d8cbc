"""Whatever stands in a file, it is a configuration or a ConfigError; never another error, never a secret shown."""

from __future__ import annotations

from contextlib import suppress

import pytest
from aura_connectors.memory import connector
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.config import ConnectorModels, OptionModels, parse_config
from aura_stream.errors import ConfigError

CONNECTORS = OptionModels({"memory": ConnectorModels(connector.source_options, connector.sink_options)})
WORDS = [
    "namespace",
    "input",
    "output",
    "memory",
    "topics",
    "codec",
    "store",
    "file",
    "path",
    "delivery",
    "batch",
    "http",
]
SCALARS = st.one_of(
    st.sampled_from([*WORDS, "encode", "5s", "1MiB", "${X}", "${X:1}", "$${", "${", "exactly_once", "~", "0x", "1:2"]),
    st.text(max_size=8),
    st.integers(),
    st.none(),
    st.booleans(),
)
PIECES = ["a: ", "- ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "? ", "!!int ", "!!timestamp ", "!!bool ", "!!binary ",
          "!!set ", "|\n ", "\n", "  ", "'", '"', "%YAML 3.0\n", "---\n", "x", "2024-13-45", "\x00", "\ud7ff"]  # fmt: skip


def parse(text: str) -> None:
    with suppress(ConfigError):
        parse_config(text, "aura.yaml", CONNECTORS, {"X": "x"})


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_pieces_of_yaml(text: str) -> None:
    parse(text)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    parse(text)


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return f'"{value}"' if isinstance(value, str) and not value.isidentifier() else str(value)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(WORDS),
        st.recursive(
            SCALARS,
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
            ),
        ),
        max_size=6,
    )
)
def test_any_values_under_known_keys(values: dict[str, object]) -> None:
    parse(_flow(values))


@pytest.mark.parametrize(
    "text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "a: !!timestamp x", "a: !!bool x", "a: !!int"]
)
def test_what_breaks_the_parser_is_a_mistake_too(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^aura\.yaml:\d+:\d+: "):
        parse_config(text, "aura.yaml", CONNECTORS, {})
