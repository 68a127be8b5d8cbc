"""What authors of connectors test theirs with; needs pytest and pytest-asyncio.

See docs/connectors.md for a connector of sixty lines and its binding to the suite.
"""

from aura_stream.testing.binding import ConnectorBinding
from aura_stream.testing.connector_conformance import ConnectorConformance
from aura_stream.testing.dead_letters_conformance import DeadLettersConformance
from aura_stream.testing.exactly_once_conformance import ExactlyOnceConformance
from aura_stream.testing.journal_conformance import JournalConformance
from aura_stream.testing.memory_log import MemoryJournal, MemoryJournalServer, MemoryLogServer, MemorySharedLog
from aura_stream.testing.shared_log_conformance import SharedLogConformance
from aura_stream.testing.sink_conformance import SinkConformance
from aura_stream.testing.source_conformance import SourceConformance
from aura_stream.testing.store_conformance import StoreConformance

__all__ = [
    "ConnectorBinding",
    "ConnectorConformance",
    "DeadLettersConformance",
    "ExactlyOnceConformance",
    "JournalConformance",
    "MemoryJournal",
    "MemoryJournalServer",
    "MemoryLogServer",
    "MemorySharedLog",
    "SharedLogConformance",
    "SinkConformance",
    "SourceConformance",
    "StoreConformance",
]
