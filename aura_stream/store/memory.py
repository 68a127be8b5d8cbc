"""An empty codebook that lives as long as the process."""

from __future__ import annotations

from typing import Literal

from aura_stream.codec import Codebook


class MemoryStore:
    """Holds no template: messages become smaller only where zstd or brotli shrink them by themselves."""

    def __init__(self, check_bytes: int, raw: Literal["plain", "marked"]) -> None:
        self._book = Codebook(check_bytes=check_bytes, raw=raw)

    def codebook(self) -> Codebook:
        """Return the book."""
        return self._book
