"""One direction of a codec that begins with the first book it is given, and then takes longer ones."""

from __future__ import annotations

from collections.abc import Callable

from aura_stream.codec import Codebook, HybridCodec


class FollowingCodec:
    """Encodes, or decodes, with the newest book. Belongs to the thread of its `Transform`."""

    def __init__(self, make: Callable[[Codebook], HybridCodec], decoding: bool) -> None:
        self._make = make
        self._decoding = decoding
        self._codec: HybridCodec | None = None
        self._book: Codebook | None = None

    def adopt(self, book: Codebook) -> None:
        """Take a book. Raises ValueError if it is not a longer one."""
        if self._codec is None:
            self._codec = self._make(book)
        else:
            self._codec.adopt(book)
        self._book = book

    @property
    def digest(self) -> str:
        """The digest of the book in use, in hex; it names the book in a dead letter."""
        return self._book.digest.hex() if self._book is not None else ""

    def convert(self, values: list[bytes]) -> list[bytes]:
        """Return a frame for each message, or a message for each frame."""
        assert self._codec is not None, "a book comes before the first message"
        return self._codec.decode_batch(values) if self._decoding else self._codec.encode_batch(values)
