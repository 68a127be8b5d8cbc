"""The engine's sides: what sources, sinks, connectors and stores must do. Contracts are in the docstrings."""

from aura_stream.ports.connector import Connector, Context, Observable, Shared
from aura_stream.ports.dead_letters import KeepsDeadLetters
from aura_stream.ports.exactly_once import ExactlyOnce, ExactlyOnceSink
from aura_stream.ports.journal import Journal, JournalMaker, SharedLogMaker
from aura_stream.ports.shared_log import SharedLog
from aura_stream.ports.sink import Sink
from aura_stream.ports.source import Losing, PausableSource, Rebalancing, Source
from aura_stream.ports.store import Finding, StoreStatus, TemplateStore
from aura_stream.ports.tail import Tail

__all__ = [
    "Connector",
    "Context",
    "ExactlyOnce",
    "ExactlyOnceSink",
    "Finding",
    "Journal",
    "JournalMaker",
    "KeepsDeadLetters",
    "Losing",
    "Observable",
    "PausableSource",
    "Rebalancing",
    "Shared",
    "SharedLog",
    "SharedLogMaker",
    "Sink",
    "Source",
    "StoreStatus",
    "Tail",
    "TemplateStore",
]
