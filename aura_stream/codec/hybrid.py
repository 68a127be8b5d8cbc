"""HybridCodec: each message becomes the smallest frame that the methods make of it, and comes back as it was.

Encoding tries, in this order: the templates of the newest generation; zstd with its dictionary; brotli, where a
message is large; raw. `destination` decides what may be used: "standalone" takes the smallest, "batched" leaves
out zstd and brotli, whose frames spoil the compression of the batch around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from aura_stream.codec import general
from aura_stream.codec.check import checker
from aura_stream.codec.codebook import Codebook
from aura_stream.codec.encoder import SHAPE_MEMORY, TemplateEncoder
from aura_stream.codec.explain import Part, explain
from aura_stream.codec.frames import FrameInfo, FrameReader
from aura_stream.codec.wire import (
    DICTIONARY_BASE,
    EXTENSION,
    EXTENSION_DICTIONARY,
    EXTENSION_TEMPLATE,
    MARKERS,
    MAX_MESSAGE,
    MAX_TEMPLATE_MESSAGE,
    SHORT_GENERATIONS,
    TEMPLATE_BASE,
    ZSTD,
)
from aura_stream.errors import DecodeError
from aura_stream.model.framing import leb128

Destination = Literal["standalone", "batched"]
_BROTLI_FROM: Final = 1 << 10  # bytes of a message
_WELL_DONE: Final = 4  # a frame this many times smaller than its message is not tried again with brotli
_PRINTABLE: Final = bytes([9, 10, 13, *range(32, 127)])


class HybridCodec:
    """Encodes and decodes messages with one codebook. Belongs to one thread; remembers the shapes it saw.

    Frames are a function of the book, the destination and the messages that this codec saw before; decoding
    depends on the book alone. `max_message` (bytes) limits what a frame may decode to, `shape_memory` (bytes) what
    is remembered of shapes; 0: nothing.
    """

    def __init__(
        self,
        codebook: Codebook,
        destination: Destination = "standalone",
        max_message: int = MAX_MESSAGE,
        shape_memory: int = SHAPE_MEMORY,
    ) -> None:
        if destination not in ("standalone", "batched"):
            raise ValueError(f"destination is 'standalone' or 'batched', not {destination!r}")
        self.destination = destination
        self.max_message = max_message
        self.shape_memory = shape_memory
        self._reader = FrameReader(codebook, max_message)
        self._plain = general.Zstd()
        self._book = codebook
        self._begin(codebook)

    @property
    def codebook(self) -> Codebook:
        """The book in use."""
        return self._book

    def adopt(self, codebook: Codebook) -> None:
        """Take a longer book in place; remembered parses stay valid, unless other templates are retired in it.

        Raises ValueError if it is not a longer one.
        """
        if not self._book.is_prefix_of(codebook):
            raise ValueError("only a book that extends the present one can be adopted")
        same_generation = len(codebook.generations) == len(self._book.generations)
        encoder = self._encoder
        self._reader.adopt(codebook)
        if same_generation and encoder is not None and codebook.newest and codebook.retired == encoder.retired:
            encoder.adopt(codebook.newest)
            self._book = codebook
        else:
            self._begin(codebook)

    def _begin(self, book: Codebook) -> None:
        """Make ready to write with the newest generation."""
        self._book = book
        self._check = checker(book.check_bytes)
        self._marked = book.raw == "marked"
        self._encoder: TemplateEncoder | None = None
        self._alternative: general.Zstd = self._plain
        self._alternative_marker = bytes((ZSTD,))
        newest = book.newest
        if newest is None:
            return
        number = len(book.generations) - 1
        self._marker = _marker(TEMPLATE_BASE, EXTENSION_TEMPLATE, number)
        if newest.dictionary:
            self._alternative = general.Zstd(newest.dictionary)
            self._alternative_marker = _marker(DICTIONARY_BASE, EXTENSION_DICTIONARY, number)
        rival = None if self.destination == "batched" else self._alternative.compress
        self._encoder = TemplateEncoder(newest, rival, self.shape_memory, book.retired)

    def encode_batch(self, messages: Sequence[bytes]) -> list[bytes]:
        """Return a frame for each message. Raises TypeError for anything but bytes."""
        return [self._encode(message) for message in messages]

    def encode(self, message: bytes) -> bytes:
        """Return the frame of one message."""
        return self._encode(message)

    def decode_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        """Return the message of each frame. Raises the first frame's DecodeError, with its `index`."""
        decode = self._reader.decode
        messages: list[bytes] = []
        try:
            for frame in frames:
                if type(frame) is not bytes:
                    raise _not_bytes(frame)
                messages.append(decode(frame))
        except DecodeError as exc:
            exc.index = len(messages)
            raise
        return messages

    def decode(self, frame: bytes) -> bytes:
        """Return the message of one frame. Raises a DecodeError."""
        if type(frame) is not bytes:
            raise _not_bytes(frame)
        return self._reader.decode(frame)

    def peek(self, frame: bytes) -> FrameInfo:
        """Tell a frame's method, generation and first template without decoding it."""
        if type(frame) is not bytes:
            raise _not_bytes(frame)
        return self._reader.peek(frame)

    def remembers(self, message: bytes) -> bool:
        """Tell whether encoding this message would take the remembered way."""
        return self._encoder is not None and self._encoder.remembers(message)

    def explain(self, frame: bytes) -> list[Part]:
        """Return what each of a frame's bytes is for, in order. Raises a DecodeError, as `decode` does."""
        self.decode(frame)
        return explain(frame, self._book)

    def _encode(self, message: bytes) -> bytes:
        if type(message) is not bytes:
            raise _not_bytes(message)
        raw = b"\xc1" + message if self._marked or message[:1] in _MARKER_BYTES else message
        size = len(message)
        if not size or size > self.max_message:
            return raw
        encoder = self._encoder
        if encoder is not None and size <= MAX_TEMPLATE_MESSAGE and (message.isascii() or _is_text(message)):
            is_template, body = encoder.encode(message)
            frame = (self._marker if is_template else self._alternative_marker) + body + self._check(message)
        elif self.destination == "batched":
            return raw
        else:
            frame = self._alternative_marker + self._alternative.compress(message) + self._check(message)
        if size > _BROTLI_FROM and len(frame) * _WELL_DONE > size and self.destination == "standalone":
            frame = min(frame, b"\xfc" + general.brotli_compress(message) + self._check(message), key=len)
        return frame if len(frame) < len(raw) else raw


_MARKER_BYTES: Final = frozenset(bytes((first,)) for first in MARKERS)


def _marker(base: int, extension: int, generation: int) -> bytes:
    if generation < SHORT_GENERATIONS:
        return bytes((base + generation,))
    return bytes((EXTENSION, extension)) + leb128(generation)


def _is_text(message: bytes) -> bool:
    """Tell what is worth lexing: UTF-8, or mostly printable. Decides sizes only, never correctness."""
    try:
        message.decode("utf-8")
    except UnicodeDecodeError:
        return len(message.translate(None, _PRINTABLE)) * 4 < len(message)
    return True


def _not_bytes(value: object) -> TypeError:
    return TypeError(f"messages and frames are bytes, not {type(value).__name__}")
