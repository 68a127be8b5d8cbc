"""Connectors, found through the entry-point group `aura_stream.connectors`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeVar

from aura_stream.config import ConnectorModels
from aura_stream.errors import ConfigError
from aura_stream.ports import Connector

T = TypeVar("T")

GROUP: Final = "aura_stream.connectors"


class InstalledConnectors(Mapping[str, Connector]):
    """Every installed connector by name; each is imported when it is asked for."""

    def __init__(self) -> None:
        self._entries: dict[str, EntryPoint] = {entry.name: entry for entry in entry_points(group=GROUP)}

    def __getitem__(self, name: str) -> Connector:
        entry = self._entries[name]
        try:
            connector: Connector = entry.load()
        except ImportError as error:
            raise ConfigError(f"connector {name} cannot be imported: {error}") from error
        return connector

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class _Mapped(Mapping[str, T]):
    """A mapping seen through a function, which is called when a value is asked for."""

    def __init__(self, connectors: Mapping[str, Connector], function: Callable[[Connector], T]) -> None:
        self._connectors = connectors
        self._function = function

    def __getitem__(self, name: str) -> T:
        return self._function(self._connectors[name])

    def __contains__(self, name: object) -> bool:
        return name in self._connectors

    def __iter__(self) -> Iterator[str]:
        return iter(self._connectors)

    def __len__(self) -> int:
        return len(self._connectors)


def option_models(connectors: Mapping[str, Connector]) -> Mapping[str, ConnectorModels]:
    """Return the connectors' option models, as the config loader wants them; no connector is imported yet."""
    return _Mapped(connectors, lambda connector: ConnectorModels(connector.source_options, connector.sink_options))
