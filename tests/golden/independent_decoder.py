"""A second decoder, written from docs/wire-format.md alone and sharing no line with aura_stream.

It is plain rather than fast: one function per table of the document. The tests hold the codec against it, so that
a mistake made on both sides of the codec (written and read back alike) is still seen.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field

import brotli
import zstandard

from tests.golden.independent_book import ENUM, BadFrame, Book, Generation, Slot, parse_book, read_book, refuse
from tests.golden.independent_times import time_text

__all__ = ["BadFrame", "Book", "decode", "parse_book", "read_book"]

LIMIT = 64 << 20
BASE36 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

INT, DIGITS, DECIMAL, HEX_LOWER, HEX_UPPER, UUID, IPV4, TIME = range(1, 9)
TEXT, BASE64, BASE64URL, BASE36_SLOT, REPEAT = range(9, 14)


def decode(book: Book, frame: bytes, limit: int = LIMIT) -> bytes:
    """The message of a frame; BadFrame for everything else."""
    if not frame or not is_marker(frame[0]):
        if book.marked:
            refuse("no marker")
        return frame
    marker = frame[0]
    if marker == 0xC1:
        return frame[1:]
    end = len(frame) - book.check_bytes
    if end < 1 or len(frame) > 2 * limit:
        refuse("no room for the check, or too long")
    message = decode_body(book, Reader(frame[:end]), limit)
    if frame[end:] != zlib.crc32(message).to_bytes(4, "big")[4 - book.check_bytes :]:
        refuse("check")
    return message


def is_marker(byte: int) -> bool:
    return 0x80 <= byte <= 0xC1 or byte >= 0xF5


def decode_body(book: Book, reader: Reader, limit: int) -> bytes:
    marker = reader.byte()
    if 0x82 <= marker <= 0x98:
        return spell(generation_of(book, marker - 0x82), reader, limit)
    if 0x99 <= marker <= 0xAF:
        return unzstd(reader.rest(), dictionary_of(book, marker - 0x99), limit)
    if marker == 0xFC:
        return unbrotli(reader.rest(), limit)
    if marker == 0xFD:
        return unzstd(reader.rest(), None, limit)
    if marker == 0xFE:
        method, number = reader.byte(), reader.leb128()
        if method == 1:
            return spell(generation_of(book, number), reader, limit)
        if method == 2:
            return unzstd(reader.rest(), dictionary_of(book, number), limit)
    raise BadFrame("marker without a meaning")


def generation_of(book: Book, number: int) -> Generation:
    return book.generations[number] if number < len(book.generations) else refuse("unknown generation")


def dictionary_of(book: Book, number: int) -> bytes:
    return generation_of(book, number).dictionary or refuse("generation without a dictionary")


def unzstd(payload: bytes, dictionary: bytes | None, limit: int) -> bytes:
    try:
        header = zstandard.get_frame_parameters(payload, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
        size = header.content_size
        if size in (0, zstandard.CONTENTSIZE_UNKNOWN) or size > limit or header.dict_id:
            refuse("zstd size or dictionary")
        if header.window_size > max(64 << 20, limit):
            refuse("zstd window")
        trained = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        stream = zstandard.ZstdDecompressor(dict_data=trained, format=zstandard.FORMAT_ZSTD1_MAGICLESS).decompressobj()
        message = stream.decompress(payload)
    except zstandard.ZstdError as exc:
        raise BadFrame("zstd") from exc
    if not stream.eof or stream.unused_data or len(message) != size:
        refuse("zstd end")
    return message


def unbrotli(payload: bytes, limit: int) -> bytes:
    stream, message = brotli.Decompressor(), bytearray()
    try:
        message += stream.process(payload, output_buffer_limit=limit + 1)
        while len(message) <= limit and not stream.can_accept_more_data() and not stream.is_finished():
            message += stream.process(b"", output_buffer_limit=limit + 1)
    except brotli.error as exc:
        raise BadFrame("brotli") from exc
    if len(message) > limit or not stream.is_finished():
        refuse("brotli end")
    return bytes(message)


class Reader:
    """The bytes of a frame from the marker to the check, read from left to right."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def more(self) -> bool:
        return self.place < len(self.data)

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.place:
            refuse("cut off")
        self.place += count
        return self.data[self.place - count : self.place]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.place)

    def byte(self) -> int:
        return self.take(1)[0]

    def big_endian(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def compact(self) -> int:
        first, start = self.byte(), 192
        if first < 0xC0:
            return first
        for below, mask, more in ((0xE0, 0x1F, 1), (0xF0, 0x0F, 2), (0xF8, 0x07, 3), (0xFC, 0x03, 4)):
            if first < below:
                return start + ((first & mask) << 8 * more) + self.big_endian(more)
            start += (mask + 1) << 8 * more
        return self.big_endian(first - 0xFC + 5)

    def signed(self) -> int:
        folded = self.compact()
        return -(folded + 1) // 2 if folded & 1 else folded // 2

    def leb128(self) -> int:
        number = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
        raise BadFrame("generation longer than 4 bytes")


@dataclass(slots=True)
class Spelling:
    """What is spelled so far, the texts of the slots so far, and the current moment (ns since 1970)."""

    limit: int
    moment: int
    message: bytearray = field(default_factory=bytearray)
    slots: list[bytes] = field(default_factory=list)

    def write(self, text: bytes) -> None:
        if len(self.message) + len(text) > self.limit:
            refuse("message too large")
        self.message += text

    def write_slot(self, text: bytes) -> None:
        self.write(text)
        self.slots.append(text)

    def slot_back(self, count: int) -> bytes:
        return self.slots[-count] if 1 <= count <= len(self.slots) else refuse("no slot that far back")

    def copy(self, distance: int, length: int) -> None:
        if not 0 < length <= distance <= len(self.message):
            refuse("copy from nowhere")
        begin = len(self.message) - distance
        self.write(bytes(self.message[begin : begin + length]))


def spell(generation: Generation, reader: Reader, limit: int) -> bytes:
    state = Spelling(limit, generation.birth * 10**9)
    while reader.more():
        code = reader.byte()
        if code < 0xF8:
            write_template(generation, template_number(code, reader), reader, state)
        elif code == 0xF8:
            state.write(reader.take(reader.compact()))
        elif code == 0xF9:
            distance = reader.compact()
            state.copy(distance, reader.compact())
        elif code == 0xFA:
            state.write_slot(state.slot_back(reader.byte()))
        elif code == 0xFB:
            kind = reader.byte()
            if kind == ENUM:
                refuse("bare enum")
            state.write_slot(slot_text(Slot(kind, reader.compact()), reader, state))
        else:
            refuse("code not assigned")
    return bytes(state.message)


def template_number(code: int, reader: Reader) -> int:
    if code < 0xC0:
        return code
    if code < 0xF0:
        return 192 + (code - 0xC0) * 256 + reader.byte()
    return 12_480 + (code - 0xF0) * 65_536 + reader.big_endian(2)


def write_template(generation: Generation, number: int, reader: Reader, state: Spelling) -> None:
    if number >= len(generation.templates):
        refuse("unknown template")
    for symbol in generation.templates[number]:
        if isinstance(symbol, Slot):
            state.write_slot(slot_text(symbol, reader, state))
        else:
            state.write(symbol)


def fewest_bytes(largest: int) -> int:
    return (largest.bit_length() + 7) // 8


def slot_text(slot: Slot, reader: Reader, state: Spelling) -> bytes:  # noqa: C901  one line per row of the table
    """The text of the slot whose payload comes next in the reader."""
    kind, n = slot.kind, slot.parameter
    if kind == INT and n == 0:
        return b"%d" % reader.compact()
    if kind == DIGITS and 1 <= n <= 20:
        return fixed_digits(reader.big_endian(fewest_bytes(10**n - 1)), n)
    if kind == DECIMAL and n <= 18:
        return decimal_text(n or reader.byte(), reader)
    if kind in (HEX_LOWER, HEX_UPPER) and n <= 255:
        return hex_text(kind, n or reader.compact(), reader)
    if kind == UUID and n <= 1:
        return uuid_text(reader.take(16).hex(), upper=n == 1)
    if kind == IPV4 and n == 0:
        return ".".join(map(str, reader.take(4))).encode()
    if kind == TIME:
        text, state.moment = time_text(n >> 4, n & 15, reader.signed(), state.moment)
        return text
    if kind == TEXT and n == 0:
        return reader.take(reader.compact())
    if kind in (BASE64, BASE64URL) and n <= 255:
        return base64_text(kind, n or reader.compact(), reader)
    if kind == BASE36_SLOT and 1 <= n <= 40:
        return base36_text(reader.big_endian(fewest_bytes(36**n - 1)), n)
    if kind == REPEAT and n <= 255:
        return state.slot_back(n or reader.byte())
    if kind == ENUM:
        index = reader.byte()
        return slot.values[index] if index < len(slot.values) else refuse("enum index")
    raise BadFrame("no such slot")


def fixed_digits(number: int, n: int) -> bytes:
    return b"%0*d" % (n, number) if number < 10**n else refuse("digits out of range")


def decimal_text(scale: int, reader: Reader) -> bytes:
    if not 1 <= scale <= 18:
        refuse("scale")
    whole, part = divmod(reader.compact(), 10**scale)
    return b"%d.%0*d" % (whole, scale, part)


def hex_text(kind: int, n: int, reader: Reader) -> bytes:
    text = reader.take((n + 1) // 2).hex()[:n].encode()
    return text.upper() if kind == HEX_UPPER else text


def uuid_text(digits: str, *, upper: bool) -> bytes:
    text = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()
    return text.upper() if upper else text


def base64_text(kind: int, n: int, reader: Reader) -> bytes:
    packed = reader.take((6 * n + 7) // 8)
    alphabet = base64.b64encode if kind == BASE64 else base64.urlsafe_b64encode
    return alphabet(packed)[:n]


def base36_text(number: int, n: int) -> bytes:
    digits = bytearray()
    for _ in range(n):
        number, value = divmod(number, 36)
        digits.append(BASE36[value])
    return bytes(reversed(digits)) if not number else refuse("base36 out of range")
