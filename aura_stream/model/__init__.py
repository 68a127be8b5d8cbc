"""Value objects that travel between the layers; they import nothing but the standard library."""

from aura_stream.model.batch import Batch, Partition, Topic
from aura_stream.model.metadata import Entries, Metadata, Records, TimestampType

__all__ = ["Batch", "Entries", "Metadata", "Partition", "Records", "TimestampType", "Topic"]
