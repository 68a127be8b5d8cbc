"""Reading frames: from the marker to the method, its generation and its body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aura_stream.codec import general
from aura_stream.codec.check import checker
from aura_stream.codec.codebook import Codebook
from aura_stream.codec.decoder import TemplateDecoder
from aura_stream.codec.wire import (
    BROTLI,
    DICTIONARY_BASE,
    ESCAPE,
    EXTENSION,
    EXTENSION_DICTIONARY,
    EXTENSION_TEMPLATE,
    MARKERS,
    ONE_BYTE_CODES,
    SHORT_GENERATIONS,
    TEMPLATE_BASE,
    THREE_BYTE_LEAD,
    TWO_BYTE_CODES,
    TWO_BYTE_LEAD,
    ZSTD,
)
from aura_stream.codec.wire import LITERAL as FIRST_CONTROL
from aura_stream.errors import (
    CorruptFrameError,
    LimitExceededError,
    UnknownDictionaryError,
    UnknownTemplateError,
)


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What a frame tells without decoding: `method` raw, template, zstd or brotli; `size` in bytes.

    `generation` is None where no codebook is needed; `template` is the number of the first one, None where the
    frame does not begin with one.
    """

    method: str
    generation: int | None
    template: int | None
    size: int


@dataclass(frozen=True, slots=True)
class _Header:
    method: str  # raw, escape, template, dictionary, zstd, brotli, extension; "" for a marker without a meaning
    generation: int | None = None


def _header_table() -> list[_Header]:
    table = [_Header("" if first in MARKERS else "raw") for first in range(256)]
    for generation in range(SHORT_GENERATIONS):
        table[TEMPLATE_BASE + generation] = _Header("template", generation)
        table[DICTIONARY_BASE + generation] = _Header("dictionary", generation)
    for marker, method in ((ESCAPE, "escape"), (BROTLI, "brotli"), (ZSTD, "zstd"), (EXTENSION, "extension")):
        table[marker] = _Header(method)
    return table


_HEADERS = _header_table()
_EXTENSIONS = {bytes((EXTENSION_TEMPLATE,)): "template", bytes((EXTENSION_DICTIONARY,)): "dictionary"}
_MAX_LEB128 = 4  # bytes: generations end long before


def read_header(frame: bytes) -> tuple[str, int | None, int]:
    """Return a frame's method, its generation and where its body begins. Raises CorruptFrameError.

    Methods are raw, escape, template, dictionary, zstd and brotli.
    """
    header = _HEADERS[frame[0]]
    if header.method == "extension":
        return _read_extension(frame)
    if not header.method:
        raise CorruptFrameError(f"no frame begins with the byte {frame[0]:02X}")
    return header.method, header.generation, 0 if header.method == "raw" else 1


def _read_extension(frame: bytes) -> tuple[str, int | None, int]:
    method = _EXTENSIONS.get(frame[1:2])
    if method is None:
        raise CorruptFrameError("an extension frame of an unknown method")
    generation = 0
    for place, byte in enumerate(frame[2 : 2 + _MAX_LEB128]):
        generation |= (byte & 127) << 7 * place
        if byte < 128:
            return method, generation, 3 + place
    raise CorruptFrameError("damaged frame: the generation is cut off")


class FrameReader:
    """Decodes the frames of one codebook; what a generation needs is built at its first frame."""

    def __init__(self, book: Codebook, limit: int) -> None:
        self.limit = limit
        self.book = book
        self._check = checker(book.check_bytes)
        self._templates: dict[int, TemplateDecoder] = {}
        self._dictionaries: dict[int, general.Zstd] = {}
        self._zstd = general.Zstd()

    def adopt(self, book: Codebook) -> None:
        """Take a longer book: what was built for its generations goes on, and costs what is new."""
        self.book = book
        for number, decoder in self._templates.items():
            decoder.adopt(book.generations[number])

    def decode(self, frame: bytes) -> bytes:
        """Return the message of a frame. Raises a DecodeError."""
        method, generation, at = self._header(frame)
        if method == "raw":
            return frame
        if method == "escape":
            return frame[1:]
        return self._decode(method, generation, frame, at)

    def _header(self, frame: bytes) -> tuple[str, int | None, int]:
        """Read a header, and refuse a message without a marker where every one has it."""
        method, generation, at = read_header(frame) if frame else ("raw", None, 0)
        if method == "raw" and self.book.raw == "marked":
            raise CorruptFrameError("no marker, where every raw message is marked")
        return method, generation, at

    def _decode(self, method: str, generation: int | None, frame: bytes, at: int) -> bytes:
        check_size = self.book.check_bytes
        end = len(frame) - check_size
        if end < at:
            raise CorruptFrameError("damaged frame: it is cut off")
        if len(frame) > 2 * self.limit:
            raise LimitExceededError(f"a frame of {len(frame)} bytes, the limit is {2 * self.limit}")
        body = frame[:end] if check_size else frame
        if method == "template":
            message = self._template_decoder(generation or 0, frame, at).decode(body, at, self.limit)
        elif method == "dictionary":
            message = self._dictionary(generation or 0).decompress(body[at:], self.limit)
        elif method == "zstd":
            message = self._zstd.decompress(body[at:], self.limit)
        else:
            message = general.brotli_decompress(body[at:], self.limit)
        if check_size and self._check(message) != frame[end:]:
            raise CorruptFrameError("damaged frame, or the wrong codebook: the check does not fit")
        return message

    def _template_decoder(self, number: int, frame: bytes, at: int) -> TemplateDecoder:
        decoder = self._templates.get(number)
        if decoder is None:
            if number >= len(self.book.generations):
                message = f"generation {number} is not in this codebook"
                raise UnknownTemplateError(message, number, first_template(frame, at))
            decoder = self._templates[number] = TemplateDecoder(self.book.generations[number], number)
        return decoder

    def _dictionary(self, number: int) -> general.Zstd:
        zstd = self._dictionaries.get(number)
        if zstd is None:
            if number >= len(self.book.generations):
                raise UnknownDictionaryError(f"generation {number} is not in this codebook", number)
            dictionary = self.book.generations[number].dictionary
            if not dictionary:
                raise CorruptFrameError(f"damaged frame: generation {number} has no dictionary")
            zstd = self._dictionaries[number] = general.Zstd(dictionary)
        return zstd

    def peek(self, frame: bytes) -> FrameInfo:
        """Tell what a frame is from its first bytes. Raises CorruptFrameError for a marker without a meaning."""
        size = len(frame)
        method, generation, at = self._header(frame)
        if method == "template":
            return FrameInfo(method, generation, first_template(frame, at), size)
        return FrameInfo(_METHODS.get(method, method), generation, None, size)


_METHODS = {"escape": "raw", "dictionary": "zstd"}


def first_template(frame: bytes, at: int) -> int | None:
    """Return the number of the template that a frame's items begin with, None for a control code or no item."""
    if at >= len(frame) or frame[at] >= FIRST_CONTROL:
        return None
    code = frame[at]
    if code < ONE_BYTE_CODES:
        return code
    if code < THREE_BYTE_LEAD:
        return (code - TWO_BYTE_LEAD << 8 | frame[at + 1]) + ONE_BYTE_CODES if at + 1 < len(frame) else None
    if at + 2 >= len(frame):
        return None
    return (code - THREE_BYTE_LEAD << 16 | frame[at + 1] << 8 | frame[at + 2]) + TWO_BYTE_CODES


def count_methods(frames: Sequence[bytes]) -> dict[str, int]:
    """Return how many frames each method made, from their first bytes: cheap, for a batch at once."""
    counts = dict.fromkeys(("template", "zstd", "brotli", "raw"), 0)
    for head, count in Counter(frame[:2] if frame[:1] == b"\xfe" else frame[:1] for frame in frames).items():
        method = _HEADERS[head[0]].method if head else "raw"
        if method == "extension":
            method = _EXTENSIONS.get(head[1:], "raw")
        counts[_COUNTED.get(method, "raw")] += count
    return counts


_COUNTED = {"template": "template", "dictionary": "zstd", "zstd": "zstd", "brotli": "brotli"}
