"""What each message shrinks to, alone: ours against zstd, zstd with the best trained dictionary, and brotli.

    python benchmarks/ratio.py DIR [--only NAME ...] [--json FILE]

Every file of messages in DIR (one a line) trains on its first quarter; the rest is measured, each message by
itself, and decoded again to compare. Columns are ratios of message bytes to bytes stored:

* zstd: level 3, no dictionary. brotli: quality 5.
* zdict: zstd level 3 with the dictionary, of four sizes, that does best on the measured part itself (kind to
  it), without magic, checksum and dictionary id. zdict+1: the same with one check byte, which our frames carry.
* ours: a codebook mined from the first quarter, screening on. `rel`, `rel+1`: against zdict and zdict+1.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import brotli
import zstandard

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.codec import count_methods

DICTIONARY_SIZES = (4 << 10, 16 << 10, 64 << 10, 110 << 10)


@dataclass(frozen=True)
class Row:
    """One file's figures: counts, ratios, and how our frames were made."""

    file: str
    messages: int
    bytes_per_message: float
    zstd: float
    brotli: float
    zdict: float
    zdict_checked: float
    ours: float
    codebook_bytes: int
    train_seconds: float
    larger_by_more_than_1: int
    utf8_larger: int
    methods: dict[str, int]

    @property
    def relative(self) -> float:
        return self.ours / self.zdict

    @property
    def relative_checked(self) -> float:
        return self.ours / self.zdict_checked


def compressor(dictionary: zstandard.ZstdCompressionDict | None) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=1, write_checksum=0, write_dict_id=0
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)


def best_dictionary_size(train: Sequence[bytes], test: Sequence[bytes]) -> int:
    """Return how many bytes zstd needs with the best of a few dictionaries; without one where training fails."""
    totals = []
    for size in DICTIONARY_SIZES:
        try:
            dictionary = zstandard.train_dictionary(size, list(train))
        except zstandard.ZstdError:  # too little text for a dictionary of this size
            continue
        compress = compressor(dictionary).compress
        totals.append(sum(len(compress(message)) for message in test))
    compress = compressor(None).compress
    return min([*totals, sum(len(compress(message)) for message in test)])


def measure(path: Path) -> Row:
    messages = path.read_bytes().split(b"\n")
    if not messages[-1]:
        messages.pop()
    quarter = len(messages) // 4
    train, test = messages[:quarter], messages[quarter:]
    total = sum(map(len, test))
    start = time.perf_counter()
    miner = Miner()
    miner.observe(train)
    book = Codebook().extended(miner.propose(Codebook()))
    seconds = time.perf_counter() - start
    codec = HybridCodec(book)
    frames = codec.encode_batch(test)
    if HybridCodec(Codebook.from_bytes(book.to_bytes())).decode_batch(frames) != test:
        raise SystemExit(f"{path.name}: decoded messages differ from those encoded")
    dictionary_bytes = best_dictionary_size(train, test)
    plain = compressor(None).compress
    return Row(
        file=path.name,
        messages=len(test),
        bytes_per_message=total / len(test),
        zstd=total / sum(len(plain(message)) for message in test),
        brotli=total / sum(len(brotli.compress(message, quality=5)) for message in test),
        zdict=total / dictionary_bytes,
        zdict_checked=total / (dictionary_bytes + len(test)),
        ours=total / sum(map(len, frames)),
        codebook_bytes=len(book.to_bytes()),
        train_seconds=seconds,
        larger_by_more_than_1=sum(len(f) > len(m) + 1 for f, m in zip(frames, test, strict=True)),
        utf8_larger=sum(len(f) > len(m) and is_utf8(m) for f, m in zip(frames, test, strict=True)),
        methods=count_methods(frames),
    )


def is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def line(name: str, size: str, row: Sequence[float], tail: str) -> str:
    return f"{name:36}{size:>7}" + "".join(f"{value:8.2f}" for value in row) + tail


def show(row: Row) -> None:
    figures = (row.zstd, row.brotli, row.zdict, row.zdict_checked, row.ours, row.relative, row.relative_checked)
    share = 100 * row.methods["template"] / row.messages
    tail = f"{share:6.0f}%{row.codebook_bytes / 1024:8.0f}{row.train_seconds:8.1f}"
    print(line(row.file, f"{row.bytes_per_message:.0f}", figures, tail), flush=True)


def summarise(rows: Sequence[Row]) -> dict[str, float]:
    names = ("zstd", "brotli", "zdict", "zdict_checked", "ours", "relative", "relative_checked")
    return {name: geometric_mean([getattr(row, name) for row in rows]) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="files of messages, one a line")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="files whose names hold one of these")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder}: no such folder; name one with files of messages, one a line")
    paths = [path for path in sorted(options.folder.iterdir()) if path.suffix != ".md" and path.is_file()]
    paths = [path for path in paths if any(name in path.name for name in options.only)]
    if not paths:
        sys.exit(f"{options.folder}: no file of messages in there")
    print(
        f"{'file':36}{'B/msg':>7}{'zstd':>8}{'brotli':>8}{'zdict':>8}{'zdict+1':>8}{'ours':>8}{'rel':>8}{'rel+1':>8}"
        f"{'templ':>7}{'book K':>8}{'train s':>8}"
    )
    rows = []
    for path in paths:
        rows.append(measure(path))
        show(rows[-1])
    means = summarise(rows)
    print(line("geometric mean", "", list(means.values()), ""))
    worst = min(rows, key=lambda row: row.relative)
    larger, utf8 = sum(row.larger_by_more_than_1 for row in rows), sum(row.utf8_larger for row in rows)
    print(
        f"worst against zdict: {worst.file} {worst.relative:.2f}; all {sum(row.messages for row in rows)} byte-exact;"
    )
    print(f"frames larger than their message by more than 1 byte: {larger}; UTF-8 messages that grew: {utf8}")
    if options.json:
        figures = {"files": [asdict(row) for row in rows], "geometric_mean": means}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
