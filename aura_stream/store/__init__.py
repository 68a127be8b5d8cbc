"""Where codebooks come from: a file, or nowhere."""

from aura_stream.store.file import FileStore
from aura_stream.store.memory import MemoryStore

__all__ = ["FileStore", "MemoryStore"]
