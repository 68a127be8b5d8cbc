"""A discovery is built from the configuration of its bridge, or one line says why not."""

from __future__ import annotations

import pytest

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.discovery import build_discovery
from aura_stream.config import Config, parse_config
from aura_stream.errors import ConfigError
from aura_stream.ports import Observable

CONNECTORS = InstalledConnectors()
GOOD = {
    "input": "{memory: {topics: [t]}}",
    "output": "{memory: {}}",
    "store": "{file: {path: b}}",
}


def _config(**keys: str) -> Config:
    text = "\n".join(f"{key}: {value}" for key, value in (GOOD | keys).items())
    return parse_config(text, "x", option_models(CONNECTORS), {})


def test_a_good_configuration_is_enough() -> None:
    build_discovery(_config(), CONNECTORS)
    build_discovery(_config(discovery="{approve: true, checkpoint: c}"), CONNECTORS, once=True)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"codec": "{direction: decode}"}, "give it the configuration that encodes"),
        ({"store": "{memory: {}}"}, "name store.redis or store.file"),
        ({"discovery": "{group: aura}"}, "discovery.group is that of the bridge"),
        ({"store": "{redis: {url: 'redis://h'}}"}, "store.journal: memory keeps no journal"),
    ],
)
def test_what_cannot_be_is_one_line(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_discovery(_config(**keys), CONNECTORS)
    assert problem in str(caught.value)


def test_a_connector_that_cannot_be_read_beside_a_bridge_is_named() -> None:
    class Plain:
        """A connector without what discovery needs."""

        destination = "standalone"

    with pytest.raises(ConfigError, match=r"input\.memory: this connector cannot be read beside a bridge"):
        build_discovery(_config(), {"memory": Plain()})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kafka", {"servers": "h:1", "topics": ["t"], "group": "g"}),
        ("redis_streams", {"url": "redis://h", "streams": ["s"], "group": "g", "delete_settled": True}),
        ("files", {"paths": ["p"]}),
        ("memory", {"topics": ["t"]}),
    ],
)
def test_it_reads_in_a_group_of_its_own_and_takes_nothing_away(name: str, options: dict[str, object]) -> None:
    connector = CONNECTORS[name]
    assert isinstance(connector, Observable)
    theirs = connector.source_options.model_validate(options)
    ours = connector.observing(theirs, "aura-discovery")
    assert ours.group == "aura-discovery"
    assert not getattr(ours, "delete_settled", False)
    assert ours.model_dump(exclude={"group", "delete_settled"}) == theirs.model_dump(
        exclude={"group", "delete_settled"}
    )
