"""Value objects that travel between the layers; they import nothing but the standard library."""

from aura_stream.model.batch import Batch, Partition, Topic
from aura_stream.model.log import BEGINNING, LogReading, LogRecord, LogState, Position
from aura_stream.model.metadata import Entries, Metadata, Records, TimestampType
from aura_stream.model.note import Note

__all__ = [
    "BEGINNING",
    "Batch",
    "Entries",
    "LogReading",
    "LogRecord",
    "LogState",
    "Metadata",
    "Note",
    "Partition",
    "Position",
    "Records",
    "TimestampType",
    "Topic",
]
