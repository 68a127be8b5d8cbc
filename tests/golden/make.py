"""Makes the golden files with the real codec: `python -m tests.golden.make`, by hand, when the format changes.

`books.jsonl`: name, and the codebook file (base64 of zlib). `frames.jsonl`: name, book, message and frame (hex),
and how it was made: `encode` names the destination of the codec that wrote it, null is put together by hand.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path

import brotli
import zstandard

from aura_stream import Codebook, HybridCodec
from aura_stream.codec import Generation, Template, times
from aura_stream.codec.check import checker
from aura_stream.codec.general import Zstd
from aura_stream.codec.lexer import lex
from aura_stream.codec.slots import SlotType, slot_type
from aura_stream.codec.slots import types as kinds
from aura_stream.codec.template import Symbol
from aura_stream.codec.wire import COMPACT_5_END, MAX_COMPACT
from tests.golden.independent_decoder import decode, parse_book
from tests.golden.pen import Pen

FOLDER = Path(__file__).parent
BIRTH = 1_715_785_200  # 2024-05-15T15:00:00
NOUNS = (
    b"bridge",
    b"harbour",
    b"lantern",
    b"meadow",
    b"orchard",
    b"railway",
    b"station",
    b"weather",
    b"window",
    b"winter",
)
VERBS = (b"carries", b"follows", b"forgets", b"keeps", b"remembers", b"shelters", b"surrounds")
LONG = b"".join(
    b"The %b %b the %b of %d. " % (NOUNS[n * 7 % 10], VERBS[n * n % 7], NOUNS[n * 3 % 9], 1900 + n * n)
    for n in range(36)
)
WORDS = (b"hello", b"world", b"er", b"ing", b" ", b"\n", b", ")


def template(*parts: Symbol) -> Template:
    """Make a template, its literals split as the lexer splits them."""
    return Template(tuple(chain.from_iterable(lex(part)[0] if isinstance(part, bytes) else (part,) for part in parts)))


def time_slot(form: int, fraction: int = 0) -> SlotType:
    return slot_type(kinds.TIME, form << 4 | fraction)


TEMPLATES = (
    template(b"user=", slot_type(kinds.INT), b" id=", slot_type(kinds.UUID), b" "),
    template(b"code=", slot_type(kinds.DIGITS, 4), b" took ", slot_type(kinds.DECIMAL, 2), b" ms "),
    template(b"rate ", slot_type(kinds.DECIMAL), b" "),
    template(b"sess=", slot_type(kinds.HEX_LOWER, 15), b" SESS=", slot_type(kinds.HEX_UPPER), b" "),
    template(b"ID=", slot_type(kinds.UUID, 1), b" from ", slot_type(kinds.IPV4), b" "),
    template(b"token=", slot_type(kinds.BASE64), b" key=", slot_type(kinds.BASE64URL, 19), b" "),
    template(b"ref=", slot_type(kinds.BASE36, 12), b" "),
    template(time_slot(times.ISO_T, 3), b"Z "),
    template(time_slot(times.CLOCK), b" "),
    template(time_slot(times.SYSLOG_PADDED), b" "),
    template(b"a=", slot_type(kinds.INT), b" b=", slot_type(kinds.REPEAT), b" "),
    template(b"c=", slot_type(kinds.INT), b" d=", slot_type(kinds.REPEAT, 1), b" "),
    template(b"<", slot_type(kinds.TEXT), b"=", slot_type(kinds.REPEAT), b">"),
    template((b"GET", b"POST", b"DELETE"), b" /api/v", slot_type(kinds.INT), b"/"),
    *map(template, WORDS),
)


def dictionary(seed: int) -> bytes:
    """What zstd's trainer makes of messages that change with the seed."""
    samples: list[bytes | bytearray | memoryview[int]] = [
        b'{"service":"shop%d","event":"item_%s","user":"customer-%d","amount":%d.%02d,"currency":"EUR","ok":true}'
        % (seed, (b"added", b"sold", b"returned")[n % 3], n * 7919 % 1000, n % 90, n * 31 % 100)
        for n in range(400)
    ]
    return zstandard.train_dictionary(1024, samples).as_bytes()


def generations() -> tuple[Generation, ...]:
    """25: the last two are named by extension frames; those with a dictionary are 0, 22 and 24."""
    made = [Generation((template(b"generation %d " % n), *TEMPLATES[n % 3 :]), b"", BIRTH + n) for n in range(25)]
    made[0] = Generation(TEMPLATES, dictionary(0), BIRTH)
    made[22] = replace(made[22], dictionary=dictionary(22))
    made[24] = Generation(
        (*TEMPLATES, *(template(b"number%d" % n) for n in range(len(TEMPLATES), 200))), dictionary(24)
    )
    return tuple(made)


def wide() -> Codebook:
    """Enough numbers for codes of 3 bytes; most of them name one template, so that the file stays small when packed."""
    templates = [TEMPLATES[0]] * 12_482
    for number in (191, 192, 447, 448, 12_479, 12_480, 12_481):
        templates[number] = template(b"number %d;" % number)
    return Codebook(1, "plain", (Generation(tuple(templates), b"", BIRTH),))


def books() -> dict[str, Codebook]:
    many = generations()
    return {
        "empty": Codebook(),
        "first": Codebook(1, "plain", many[:1]),
        "many": Codebook(1, "plain", many),
        "check0": Codebook(0, "plain", many[:1]),
        "check2": Codebook(2, "plain", many[:1]),
        "check4": Codebook(4, "plain", many[:1]),
        "marked": Codebook(1, "marked", many[:1]),
        "wide": wide(),
        "retired": Codebook(1, "plain", many[:1]).without([TEMPLATES[0].digest]),
    }


@dataclass(frozen=True, slots=True)
class Golden:
    """One frame; `encode` is the destination of the codec that wrote it, None: put together by hand."""

    name: str
    book: str
    message: bytes
    frame: bytes
    encode: str | None = None


# Messages for each book in turn, encoded for both destinations.
MESSAGES = {
    "empty": b"",
    "one letter": b"x",
    "text": b"nothing that any template knows: Zwieback",
    "utf-8": "Grüße, 你好, привет ☃".encode(),
    "utf-8 in words": "hello world, hello Grüße 你好 hello world\n".encode(),
    "marker alone": b"\xc1",
    "marker first": b"\x82\xfd\xfe\xff",
    "free marker first": b"\xff\x00\x01",
    "zero first": b"\x00\x00\x00\x00\x05schema",
    "binary": bytes(range(256)),
    "binary runs": b"\x80\x00" * 300,
    "phrase": b"user=42 id=123e4567-e89b-12d3-a456-426614174000 hello world",
    "numbers": b"code=0007 took 12.34 ms rate 0.5 code=0404 took 123456.78 ms ",
    "hex": b"sess=0123456789abcde SESS=DEADBEEF01 sess=fedcba987654321 SESS=ABC ",
    "addresses": b"ID=123E4567-E89B-12D3-A456-426614174000 from 192.168.0.255 ",
    "times": b"2024-05-15T15:00:00.250Z 15:00:01 May 15 15:00:02 2024-05-15T14:59:59.999Z ",
    "repeats": b"a=1234567 b=1234567 <1234567=1234567> <hello=hello>",
    "enum": b"POST /api/v2/hello GET /api/v1/world DELETE /api/v300/",
    "unknown words": b"hello Mirabelle Mirabelle Quitte Mirabelle world",
    "event": b'{"service":"shop0","event":"item_sold","user":"customer-5","amount":12.50,"currency":"EUR","ok":true}',
    "report": LONG,
}


def encoded(made: dict[str, Codebook]) -> Iterator[Golden]:
    for (book, destination), (name, message) in product(
        product(("empty", "first", "marked"), ("batched", "standalone")), MESSAGES.items()
    ):
        yield encode(made, book, destination, name, message)
    few = ("empty", "phrase", "numbers", "event", "marker first")
    for book, name in product(("check0", "check2", "check4", "many", "retired"), few):
        yield encode(made, book, "standalone", name, MESSAGES[name])
    yield encode(made, "many", "batched", "two bytes", b"number199number20hello world")


def encode(made: dict[str, Codebook], book: str, destination: str, name: str, message: bytes) -> Golden:
    codec = HybridCodec(made[book], "batched" if destination == "batched" else "standalone")
    return Golden(f"{name}, {destination}", book, message, codec.encode(message), destination)


BARE_SLOTS: tuple[tuple[int, int, bytes], ...] = (
    *((kinds.DIGITS, n, b"0" * (n - 1) + b"7") for n in (1, 2, 3, 5, 8, 19)),
    (kinds.DIGITS, 20, b"9" * 20),
    (kinds.DECIMAL, 1, b"0.0"),
    (kinds.DECIMAL, 18, b"18.446744073709551615"),
    (kinds.DECIMAL, 0, b"1234.5678"),
    *((kind, n, text[:n]) for kind, text in ((kinds.HEX_LOWER, b"0f9e8d" * 50), (kinds.HEX_UPPER, b"F09E8D" * 50)) for n in (1, 2, 7, 255)),
    (kinds.HEX_LOWER, 0, b"abc"),
    (kinds.HEX_UPPER, 0, b"0ABCDEF1" * 40),
    (kinds.UUID, 0, b"123e4567-e89b-12d3-a456-426614174000"),
    (kinds.UUID, 1, b"123E4567-E89B-12D3-A456-42661417ABCD"),
    (kinds.IPV4, 0, b"0.10.200.255"),
    (kinds.TEXT, 0, b""),
    (kinds.TEXT, 0, b"any \x00\xff\xc1 bytes"),
    (kinds.TEXT, 0, b"long " * 50),
    *((kinds.BASE64, n, (b"QUJD+/09az" * 26)[:n]) for n in (2, 3, 4, 5, 255)),
    (kinds.BASE64, 0, b"abcdefg/+0"),
    (kinds.BASE64URL, 7, b"ab_-cdA"),
    (kinds.BASE64URL, 0, b"-_-_"),
    *((kinds.BASE36, n, b"0Z" * (n // 2) + b"Q" * (n % 2)) for n in (1, 2, 7, 12, 39)),
    (kinds.BASE36, 40, b"Z" * 40),
)  # fmt: skip

TIMES: tuple[tuple[int, int, bytes], ...] = (
    (1, 0, b"2024-05-15T15:00:00"),
    (1, 9, b"2299-12-31T23:59:59.999999999"),
    (1, 0, b"9999-12-31T23:59:59"),
    (2, 0, b"0001-01-01 00:00:00"),
    (2, 6, b"1969-12-31 23:59:59.999999"),
    (3, 0, b"2024-02-29 12:00:00"),
    (3, 3, b"2024-02-29 12:00:00,001"),
    (4, 0, b"2024/05/15 15:00:00"),
    (4, 1, b"1900/02/28 15:00:00.5"),
    (5, 0, b"29/Feb/2000:23:59:59"),
    (6, 0, b"May 05 15:00:00"),
    (7, 0, b"Feb 29 23:59:59"),
    (7, 0, b"May  5 15:00:00"),
    (8, 0, b"01-01 00:00:00"),
    (8, 4, b"12-31 23:59:59.9999"),
    (9, 0, b"99/12/31 23:59:59"),
    (10, 0, b"000101 000000"),
    (11, 0, b"2024-12-31"),
    (12, 0, b"23:59:59"),
    (12, 3, b"00:00:00.000"),
    (16, 0, b"Wed May 05 15:00:00 2021"),
    (17, 0, b"Wed May  5 15:00:00 2021"),
    (18, 0, b"Sun Aug 31 00:29:15 +0000 2014"),
    (19, 0, b"Sun, 06 Nov 1994 08:49:37 GMT"),
    (20, 0, b"1715785200"),
    (20, 3, b"1715785200123"),
    (20, 9, b"1715785200123456789"),
    (20, 0, b"0"),
    (21, 1, b"0.5"),
    (21, 9, b"1715785200.000000001"),
)

COMPACT_EDGES = (0, 191, 192, 8383, 8384, 1_056_959, 1_056_960, 135_274_687, 135_274_688, COMPACT_5_END - 1, COMPACT_5_END,
                 (1 << 40) - 1, 1 << 40, (1 << 48) - 1, 1 << 48, (1 << 56) - 1, 1 << 56, MAX_COMPACT)  # fmt: skip


def by_hand(made: dict[str, Codebook]) -> Iterator[Golden]:
    for book in ("first", "check0"):
        for name, pen in chain(bare_slots(made[book]), controls(made[book])):
            yield Golden(name, book, pen.message, pen.frame())
    for name, pen in extensions(made["many"]):
        yield Golden(name, "many", pen.message, pen.frame())
    for number in (0, 191, 192, 447, 448, 12_479, 12_480, 12_481):
        texts = (b"1", b"00000000-0000-0000-0000-000000000000") if not number else ()
        pen = Pen(made["wide"], 0).template(number, *texts)
        yield Golden(f"template {number}", "wide", pen.message, pen.frame())
    yield from compressed(made)


def bare_slots(book: Codebook) -> Iterator[tuple[str, Pen]]:
    for value in COMPACT_EDGES:
        yield f"int {value}", Pen(book, 0).bare(kinds.INT, 0, b"%d" % value)
    for kind, parameter, text in BARE_SLOTS:
        yield f"bare {kind}/{parameter}, {len(text)} bytes", Pen(book, 0).bare(kind, parameter, text)
    row = Pen(book, 0)
    for form, fraction, text in TIMES:
        parameter = form << 4 | fraction
        yield f"time {form}/{fraction} {text.decode()}", Pen(book, 0).bare(kinds.TIME, parameter, text)
        row.bare(kinds.TIME, parameter, text).template(len(TEMPLATES) - 1)
    yield "times in a row", row


def controls(book: Codebook) -> Iterator[tuple[str, Pen]]:
    yield "no item", Pen(book, 0)
    yield "empty literal run", Pen(book, 0).literal(b"")
    yield "long literal run", Pen(book, 0).literal(LONG[:300])
    yield "copies", Pen(book, 0).literal(b"abcdefgh").copy(8, 8).copy(16, 3).copy(1, 1).copy(20, 20)
    yield "far copy", Pen(book, 0).literal(LONG[:400]).copy(400, 200)
    yield "repeats", Pen(book, 0).bare(kinds.INT, 0, b"7").bare(kinds.TEXT, 0, b"seven").repeat(1).repeat(3).repeat(2)
    far = Pen(book, 0)
    for number in range(256):
        far.bare(kinds.INT, 0, b"%d" % number)
    yield "repeat 255 back", far.repeat(255).repeat(255)
    named = Pen(book, 0).bare(kinds.TEXT, 0, b"text").bare(kinds.IPV4, 0, b"1.2.3.4")
    yield "bare repeats", named.bare(kinds.REPEAT, 2, b"text").bare(kinds.REPEAT, 0, b"1.2.3.4")
    yield (
        "repeat of a time",
        Pen(book, 0).bare(kinds.TIME, 1 << 4, b"2001-02-03T04:05:06").repeat(1).bare(kinds.TIME, 12 << 4, b"04:05:07"),
    )
    yield "wide number", Pen(book, 0).payload(kinds.INT, 0, b"\xff" + bytes(7) + b"\x05", b"5")
    yield "padding of hex is not looked at", Pen(book, 0).payload(kinds.HEX_LOWER, 3, b"\xab\xcd", b"abc")
    yield "padding of base64 is not looked at", Pen(book, 0).payload(kinds.BASE64, 2, b"\x00\x1f", b"AB")
    enum = len(TEMPLATES) - len(WORDS) - 1
    yield "fixed repeat", Pen(book, 0).template(enum - 2, b"12", b"12")
    yield "enum", Pen(book, 0).template(enum, b"DELETE", b"18446744073709551615").template(enum, b"GET", b"0")


def extensions(book: Codebook) -> Iterator[tuple[str, Pen]]:
    for generation in (1, 21, 22, 23):
        yield f"generation {generation}", Pen(book, generation).template(0)
    yield "generation 24", Pen(book, 24).template(199).template(191).template(192)
    yield "generation 5 by extension", Pen(book, 5, extension=True).template(0)
    spelled_long = Pen(book, 5, extension=True).template(0)
    spelled_long.items = spelled_long.items.replace(b"\x05", b"\x85\x80\x80\x00", 1)
    yield "generation 5 in 4 bytes", spelled_long


def compressed(made: dict[str, Codebook]) -> Iterator[Golden]:
    event = MESSAGES["event"]
    brotli_body = brotli.compress(event, quality=5)
    bodies = {
        "zstd": b"\xfd" + Zstd().compress(event),
        "brotli": b"\xfc" + brotli_body,
        "dictionary 0": b"\x99" + Zstd(made["first"].generations[0].dictionary).compress(event),
    }
    for (name, body), book in product(bodies.items(), ("first", "check0", "check2", "check4", "marked")):
        yield Golden(name, book, event, body + checker(made[book].check_bytes)(event))
    many = made["many"].generations
    for name, marker, generation in (
        ("dictionary 22", b"\xaf", 22),
        ("dictionary 24", b"\xfe\x02\x18", 24),
        ("dictionary 0 by extension", b"\xfe\x02\x00", 0),
    ):
        body = marker + Zstd(many[generation].dictionary).compress(event)
        yield Golden(name, "many", event, body + checker(1)(event))


def book_line(name: str, book: Codebook) -> str:
    return json.dumps({"name": name, "file": base64.b64encode(zlib.compress(book.to_bytes(), 9)).decode()})


def frame_line(golden: Golden) -> str:
    message, frame = golden.message.hex(), golden.frame.hex()
    return json.dumps(
        {"name": golden.name, "book": golden.book, "encode": golden.encode, "message": message, "frame": frame}
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="replace what is there: only with a new format")
    force = parser.parse_args().force
    targets = [FOLDER / "books.jsonl", FOLDER / "frames.jsonl"]
    if not force and any(target.exists() for target in targets):
        print("golden files are frozen; --force replaces them", file=sys.stderr)
        return 2
    made = books()
    goldens = [*encoded(made), *by_hand(made)]
    for golden in goldens:  # nothing is frozen that either decoder reads in another way
        book = made[golden.book]
        assert HybridCodec(book).decode(golden.frame) == golden.message, golden.name
        assert decode(parse_book(book.to_bytes()), golden.frame) == golden.message, golden.name
    targets[0].write_text("".join(f"{book_line(*each)}\n" for each in made.items()))
    targets[1].write_text("".join(f"{frame_line(each)}\n" for each in goldens))
    print(f"{len(made)} codebooks, {len(goldens)} frames, {sum(target.stat().st_size for target in targets):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
