"""What cannot be is refused before anything runs, with the reason and the remedy."""

from __future__ import annotations

import pytest

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.ends import build_ends
from aura_stream.config import parse_config
from aura_stream.errors import ConfigError
from aura_stream.runtime import Ends

CONNECTORS = InstalledConnectors()
INPUTS = {
    "kafka": "kafka: {servers: 'h:1', topics: [t], group: g}",
    "redis": "redis_streams: {url: 'redis://h', streams: [t], group: g}",
    "files": "files: {paths: [t]}",
    "memory": "memory: {topics: [t]}",
}
OUTPUTS = {
    "kafka": "kafka: {servers: 'h:1'}",
    "redis": "redis_streams: {url: 'redis://h'}",
    "files": "files: {path: x}",
    "memory": "memory: {}",
}


def build(into: str, out_of: str, more: str) -> Ends:
    text = f"input: {{{INPUTS[out_of]}}}\noutput: {{{OUTPUTS[into]}}}\nstore: {{memory: {{}}}}\n{more}\n"
    return build_ends(parse_config(text, "x", option_models(CONNECTORS), {}), CONNECTORS)


EXACTLY_ONCE = "delivery: exactly_once"


@pytest.mark.parametrize(
    ("out_of", "into"),
    [(a, b) for a in INPUTS for b in OUTPUTS if a != b],
)
def test_no_step_spans_two_kinds_of_systems(out_of: str, into: str) -> None:
    names = {"redis": "redis_streams"}
    published, settled = names.get(into, into), names.get(out_of, out_of)
    with pytest.raises(ConfigError) as caught:
        build(into, out_of, EXACTLY_ONCE)
    assert str(caught.value) == (
        f"delivery: exactly_once: no step can publish in {published} and settle in {settled} at once, so a crash between "
        "the two repeats messages; set delivery: at_least_once, or bridge within one system"
    )


def test_files_cannot_be_written_and_settled_in_one_step() -> None:
    with pytest.raises(ConfigError, match=r"exactly_once: files cannot publish and settle in one step.*at_least_once$"):
        build("files", "files", EXACTLY_ONCE)


def test_two_places_of_one_kind_may_be_too_far_apart() -> None:
    text = "input: {memory: {broker: here, topics: [t]}}\noutput: {memory: {broker: there}}\nstore: {memory: {}}\n"
    config = parse_config(text + EXACTLY_ONCE, "x", option_models(CONNECTORS), {})
    with pytest.raises(ConfigError, match=r"^delivery: exactly_once: the input is in .* here, the output in there"):
        build_ends(config, CONNECTORS)


@pytest.mark.parametrize(
    ("into", "place", "problem"),
    [
        ("kafka", "{path: x}", "dead_letter.path: the output is kafka: name a topic there instead"),
        ("redis", "{topic: x}", "dead_letter.topic: the output is redis_streams: name a stream there instead"),
        ("files", "{stream: x}", "dead_letter.stream: the output is files: name a path there instead"),
        ("files", "{path: x}", "dead_letter.path: x is the output: dead letters would stand among what goes over"),
        ("kafka", "{topic: '{source}.aura'}", "dead_letter.topic: {source}.aura is the output"),
        ("redis", "{stream: '{source}.aura'}", "dead_letter.stream: {source}.aura is the output"),
        ("files", "{path: '{source}/dead'}", "dead_letter.path: {source} belongs in the name of the file"),
    ],
)
def test_a_place_for_dead_letters_fits_the_output(into: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(into, "memory", f"dead_letter: {place}")
    assert str(caught.value).startswith(problem)


def test_an_output_that_keeps_no_dead_letters_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    connectors = {**CONNECTORS, "memory": object()}
    text = (
        f"input: {{{INPUTS['files']}}}\noutput: {{memory: {{}}}}\nstore: {{memory: {{}}}}\ndead_letter: {{topic: x}}\n"
    )
    config = parse_config(text, "x", option_models(CONNECTORS), {})
    with pytest.raises(ConfigError, match="dead_letter: memory keeps no dead letters"):
        build_ends(config, connectors)  # type: ignore[arg-type]
