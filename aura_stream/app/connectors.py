"""Connectors, shared logs and journals, found through their entry-point groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Final, Generic, TypeVar

from aura_stream.config import ConnectorModels, OptionModels
from aura_stream.errors import ConfigError
from aura_stream.ports import Connector, JournalMaker, SharedLogMaker

T = TypeVar("T")
U = TypeVar("U")

GROUP: Final = "aura_stream.connectors"


class Installed(Mapping[str, T], Generic[T]):
    """Everything of one entry-point group by name; each is imported when it is asked for."""

    group: ClassVar[str]
    what: ClassVar[str]

    def __init__(self) -> None:
        self._entries: dict[str, EntryPoint] = {entry.name: entry for entry in entry_points(group=self.group)}

    def __getitem__(self, name: str) -> T:
        entry = self._entries[name]
        try:
            loaded: T = entry.load()
        except ImportError as error:
            raise ConfigError(f"{self.what} {name} cannot be imported: {error}") from error
        return loaded

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class InstalledConnectors(Installed[Connector]):
    """Every installed connector."""

    group = GROUP
    what = "connector"


class InstalledSharedLogs(Installed[SharedLogMaker]):
    """Every installed kind of shared log: what `store` can name beside `file` and `memory`."""

    group = "aura_stream.shared_logs"
    what = "shared log"


class InstalledJournals(Installed[JournalMaker]):
    """Every installed kind of journal: what `store.journal` can name."""

    group = "aura_stream.journals"
    what = "journal"


class _Mapped(Mapping[str, U], Generic[U]):
    """A mapping seen through a function, which is called when a value is asked for."""

    def __init__(self, mapping: Mapping[str, Any], function: Callable[[Any], U]) -> None:
        self._mapping = mapping
        self._function = function

    def __getitem__(self, name: str) -> U:
        return self._function(self._mapping[name])

    def __contains__(self, name: object) -> bool:
        return name in self._mapping

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapping)

    def __len__(self) -> int:
        return len(self._mapping)


def option_models(connectors: Mapping[str, Connector]) -> OptionModels:
    """Return the option models of all that is installed, as the config loader wants them; nothing is imported yet."""
    return OptionModels(
        _Mapped(connectors, lambda connector: ConnectorModels(connector.source_options, connector.sink_options)),
        _Mapped(InstalledSharedLogs(), lambda maker: maker.options),
        _Mapped(InstalledJournals(), lambda maker: maker.options),
    )
