"""The template store that a configuration names, with its log, journal and mirror."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from aura_stream.app.connectors import InstalledJournals, InstalledSharedLogs
from aura_stream.config import Config
from aura_stream.errors import ConfigError
from aura_stream.ports import Connector, Journal, JournalMaker, SharedLogMaker, TemplateStore
from aura_stream.store import FileStore, FolderMirror, MemoryStore, Properties, SharedStore


def open_store(
    config: Config, _connectors: Mapping[str, Connector], verb: str = "templates", *, promotes: bool = False
) -> TemplateStore:
    """Build the store; nothing is connected before its `start`. `verb` names its mirror, "" stands for none.

    `promotes`: a missing file is an empty codebook, made at the first promotion. Raises ConfigError if there is no
    place for a journal.
    """
    properties = Properties(
        config.codec.check_bytes if "check_bytes" in config.codec.model_fields_set else None,
        config.codec.raw if "raw" in config.codec.model_fields_set else None,
    )
    if config.store.file is not None:
        return FileStore(config.store.file.path, properties, create=promotes)
    if config.store.shared_log is None:
        return MemoryStore(properties.check_bytes, properties.raw)
    name, options = config.store.shared_log
    maker: SharedLogMaker = InstalledSharedLogs()[name]
    mirror = FolderMirror(config.store.mirror, config.namespace, verb) if config.store.mirror and verb else None
    return SharedStore(
        maker.shared_log(options, config.namespace),
        build_journal(config),
        config.namespace,
        properties,
        mirror,
        config.store.require,
    )


def build_journal(config: Config) -> Journal:
    """Build the journal that the configuration names, or the one beside the frames. Raises ConfigError."""
    name, options = journal_of(config)
    maker: JournalMaker = InstalledJournals()[name]
    return maker.journal(options, config.namespace)


def journal_of(config: Config) -> tuple[str, BaseModel]:
    """Return the kind of journal and its options. Raises ConfigError if none is named, and none beside the frames."""
    if config.store.journal is not None:
        return config.store.journal.chosen, config.store.journal.options
    frames = config.output if config.codec.direction == "encode" else config.input
    journals = InstalledJournals()
    # Those whose name is in the connector's come first, so that no other client is imported in vain.
    for name in sorted(journals, key=lambda name: (name not in frames.connector, name)):
        if journals[name].beside == frames.connector:
            return name, journals[name].options_beside(frames.options, config.namespace)
    known = ", ".join(sorted(journals))
    raise ConfigError(f"store.journal: {frames.connector} keeps no journal beside the frames; name one of {known}")
