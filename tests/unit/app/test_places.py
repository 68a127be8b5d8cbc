"""Dead letters go neither among the others, nor where nobody could tell whose they are."""

from __future__ import annotations

import pytest

from aura_stream.app.places import Places
from aura_stream.errors import ConfigError

KEY = "dead_letter.topic"


@pytest.mark.parametrize(
    ("dead", "output", "inputs"),
    [
        ("{source}.aura", "{source}.aura", ()),
        ("out", "out", ()),
        ("a.aura", "{source}.aura", ("a", "b")),
        ("{source}.aura", "b.aura", ("a", "b")),
    ],
)
def test_the_output_is_no_place_for_them(dead: str, output: str, inputs: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"^dead_letter\.topic: \S+ is the output: dead letters would stand among"):
        Places(KEY, dead, output).require_apart(inputs)


def test_inputs_with_an_output_each_have_a_place_each() -> None:
    with pytest.raises(ConfigError, match=r"2 inputs would share dead, .* such as \{source\}\.dead"):
        Places(KEY, "dead", "{source}.aura").require_apart(["a", "b"])


@pytest.mark.parametrize(
    ("dead", "output", "inputs"),
    [
        ("dead", "{source}.aura", ("a",)),
        ("dead", "{source}.aura", ()),
        ("dead", "all", ("a", "b")),
        ("{source}.dead", "{source}.aura", ("a", "b")),
        ("{source}.dead", None, ("a", "b")),
    ],
)
def test_other_places_are_fine(dead: str, output: str | None, inputs: tuple[str, ...]) -> None:
    places = Places(KEY, dead, output)
    places.require_apart(inputs)
    assert places.of("a") == dead.replace("{source}", "a")
