"""The golden files, read; and both decoders behind one shape."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from aura_stream import Codebook, DecodeError, HybridCodec
from tests.golden import independent_decoder
from tests.golden.independent_decoder import BadFrame

FOLDER = Path(__file__).parent
LIMIT = 1 << 20  # what a damaged frame may ask for in these tests


@dataclass(frozen=True, slots=True)
class Frozen:
    """One line of frames.jsonl; `encode` is the destination of the codec that wrote it, None: by hand."""

    name: str
    book: str
    encode: Literal["batched", "standalone"] | None
    message: bytes
    frame: bytes


@cache
def book_files() -> dict[str, bytes]:
    lines = map(json.loads, (FOLDER / "books.jsonl").read_text().splitlines())
    return {line["name"]: zlib.decompress(base64.b64decode(line["file"])) for line in lines}


@cache
def frames() -> tuple[Frozen, ...]:
    lines = map(json.loads, (FOLDER / "frames.jsonl").read_text().splitlines())
    return tuple(
        Frozen(line["name"], line["book"], line["encode"], bytes.fromhex(line["message"]), bytes.fromhex(line["frame"]))
        for line in lines
    )


class Decoders:
    """The codec and the independent decoder with one codebook; None is a refusal."""

    def __init__(self, file: bytes) -> None:
        self.codec = HybridCodec(Codebook.from_bytes(file), max_message=LIMIT)
        self.book = independent_decoder.parse_book(file)

    def ours(self, frame: bytes) -> bytes | None:
        try:
            return self.codec.decode(frame)
        except DecodeError:
            return None

    def independent(self, frame: bytes) -> bytes | None:
        try:
            return independent_decoder.decode(self.book, frame, LIMIT)
        except BadFrame:
            return None

    def agree(self, frame: bytes) -> bytes | None:
        """What both make of a frame. Fails the test where they differ."""
        ours = self.ours(frame)
        assert ours == self.independent(frame), frame.hex()
        return ours


@cache
def decoders(book: str) -> Decoders:
    return Decoders(book_files()[book])
