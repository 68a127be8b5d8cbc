"""One direction of a codec that begins with the first book it is given, and then takes longer ones."""

from __future__ import annotations

import sys
from collections.abc import Callable

from aura_stream.codec import Codebook, HybridCodec
from aura_stream.errors import DecodeError


class FollowingCodec:
    """Encodes, or decodes, with the newest book. Belongs to the thread of its `Transform`.

    It stops to decode once the messages hold `max_bytes`: a few small frames can become more than fits in memory.
    """

    def __init__(self, make: Callable[[Codebook], HybridCodec], decoding: bool, max_bytes: int = sys.maxsize) -> None:
        self._make = make
        self._decoding = decoding
        self._max_bytes = max_bytes
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
        """Return a frame for each message, or a message for each of the first frames, at least for one."""
        assert self._codec is not None, "a book comes before the first message"
        return self._decode(self._codec, values) if self._decoding else self._codec.encode_batch(values)

    def _decode(self, codec: HybridCodec, frames: list[bytes]) -> list[bytes]:
        messages: list[bytes] = []
        decode, room = codec.decode, self._max_bytes
        try:
            for frame in frames:
                message = decode(frame)
                messages.append(message)
                room -= len(message)
                if room <= 0:
                    break
        except DecodeError as error:
            error.index = len(messages)
            raise
        return messages
