"""A YAML text as plain values, with the place of each key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from aura_stream.errors import ConfigError

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 32  # an alias may contain itself
MAX_NODES: Final = 100_000  # aliases of aliases grow without end
NOT_A_VALUE: Final = (ValueError, LookupError, AttributeError, TypeError, OverflowError)  # what PyYAML lets through


@dataclass(slots=True)
class Document:
    """The values of a configuration, and for each path where it was said: `aura.yaml:3:5`, a variable, a flag."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)

    def place(self, path: Path) -> str:
        """Return where the path, or the nearest thing around it, was said."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return f"{self.name}:1:1"

    def get(self, path: Path) -> Any:
        """Return the value at the path, None if there is none."""
        value: Any = self.values
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def put(self, path: Path, value: Any, place: str) -> None:
        """Set a value, making the mappings around it. Raises ConfigError if something else stands in the way."""
        mapping = self.values
        for depth, step in enumerate(path[:-1], 1):
            if mapping.get(str(step)) is None:
                mapping[str(step)] = {}
                self.places[path[:depth]] = place
            mapping = mapping[str(step)]
            if not isinstance(mapping, dict):
                raise ConfigError(f"{place}: {dotted(path[:-1])} is no mapping in {self.name}")
        mapping[str(path[-1])] = value
        self.places = {known: at for known, at in self.places.items() if known[: len(path)] != path}
        self.places[path] = place


def dotted(path: Path) -> str:
    """Return the path as people write it: `input.kafka.topics[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def parse_yaml(text: str, name: str) -> Document:
    """Read a YAML text; `name` stands before line and column in places. Raises ConfigError."""
    try:
        loader = yaml.SafeLoader(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}:1:1: not YAML text: a character that cannot be printed") from error
    try:
        root = loader.get_single_node()
        reader = _Reader(loader, name)
        values = {} if root is None else reader.value(root, ())
    except RecursionError as error:
        raise ConfigError(f"{name}:1:1: nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{_at(name, error.problem_mark)}: {error.problem}") from error
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        raise ConfigError(f"{name}:1:1: expected a mapping of keys to values")
    return Document(name, values, reader.places if root is not None else {})


class _Reader:
    def __init__(self, loader: yaml.SafeLoader, name: str) -> None:
        self._loader = loader
        self._name = name
        self._nodes = 0
        self.places: dict[Path, str] = {}

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(path) > MAX_DEPTH:
            raise ConfigError(f"{_at(self._name, node.start_mark)}: nested too deeply, or too many aliases")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._element(child, (*path, index)) for index, child in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except NOT_A_VALUE as error:  # 2024-13-45 looks like a date to YAML, and is none
            raise ConfigError(f"{_at(self._name, node.start_mark)}: not a value; put it in quotes") from error

    def _mapping(self, node: yaml.MappingNode, path: Path) -> Mapping[str, Any]:
        values: dict[str, Any] = {}
        self._loader.flatten_mapping(node)
        for key_node, child in node.value:
            place = _at(self._name, key_node.start_mark)
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{place}: a key must be a word")
            if key in values:
                raise ConfigError(f"{place}: {dotted((*path, key))} is there twice")
            self.places[(*path, key)] = place
            values[key] = self.value(child, (*path, key))
        return values

    def _element(self, node: yaml.Node, path: Path) -> Any:
        self.places[path] = _at(self._name, node.start_mark)
        return self.value(node, path)


def _at(name: str, mark: yaml.Mark | None) -> str:
    return name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
