"""Where codebooks come from and grow: memory, a file, or a log that processes share. Start at shared.py."""

from aura_stream.store.file import FileStore
from aura_stream.store.memory import MemoryStore
from aura_stream.store.mirror import FolderMirror, NoMirror
from aura_stream.store.properties import Properties
from aura_stream.store.shared import SharedStore

__all__ = ["FileStore", "FolderMirror", "MemoryStore", "NoMirror", "Properties", "SharedStore"]
