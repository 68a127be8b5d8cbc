"""A codebook in a file, as `aura-stream train` writes it."""

from __future__ import annotations

from pathlib import Path

from aura_stream.codec import Codebook
from aura_stream.errors import ConfigError


class FileStore:
    """Reads the codebook once, at start."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def codebook(self) -> Codebook:
        """Return the book. Raises ConfigError if it cannot be opened, CodebookError if it is damaged."""
        try:
            return Codebook.load(self._path)
        except FileNotFoundError:
            raise ConfigError(
                f"store.file.path: there is no codebook {self._path}; make it with: "
                f"aura-stream train MESSAGES -o {self._path}"
            ) from None
        except OSError as error:
            raise ConfigError(f"store.file.path: {self._path}: {error.strerror}") from error
