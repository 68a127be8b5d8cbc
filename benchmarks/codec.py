"""Time per message of encoding and decoding, as multiples of zstd with a dictionary in the same run.

    python benchmarks/codec.py [FILE ...] [--json FILE]

Each file of messages (one a line) trains a codebook on its first quarter; log lines of the rest are timed:
`seen`, messages whose shape the codec remembers; `unseen`, the full parse that a new shape pays; decoding.
zstd uses the codebook's own dictionary through the zstandard wheel, one reused compressor. Everything is
interleaved, best of several rounds: read the ratios, the times depend on the machine. Without files, the
sample messages that ship with the project are used.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import zstandard

from aura_stream import Codebook, HybridCodec, Miner

ROUNDS = 7
MOST = 1500  # messages timed per file


@dataclass(frozen=True)
class Row:
    """Microseconds per message, for one file."""

    file: str
    bytes_per_message: float
    seen_share: float
    encode_seen: float
    encode_unseen: float
    decode: float
    zstd_encode: float
    zstd_decode: float


def read(path: Path) -> list[bytes]:
    return [message for message in path.read_bytes().split(b"\n") if message]


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(name: str, messages: Sequence[bytes]) -> Row:
    quarter = len(messages) // 4
    miner = Miner()
    miner.observe(messages[:quarter])
    book = Codebook().extended(miner.propose(Codebook()))
    newest = book.newest
    assert newest is not None
    sample = list(messages[quarter : quarter + MOST])
    codec = HybridCodec(book)
    for _ in range(3):  # shapes are remembered at their second sight
        codec.encode_batch(sample)
    seen = [message for message in sample if codec.remembers(message)] or sample
    unseen = sample[:200]
    frames = codec.encode_batch(seen)
    forgetful = HybridCodec(book, shape_memory=0)
    dictionary = zstandard.ZstdCompressionDict(newest.dictionary)
    compress = zstandard.ZstdCompressor(3, dict_data=dictionary, write_checksum=False, write_dict_id=False).compress
    decompress = zstandard.ZstdDecompressor(dict_data=dictionary).decompress
    zstd_frames = [compress(message) for message in seen]
    works: dict[str, tuple[Callable[[], object], int]] = {
        "encode_seen": (lambda: codec.encode_batch(seen), len(seen)),
        "encode_unseen": (lambda: forgetful.encode_batch(unseen), len(unseen)),
        "decode": (lambda: codec.decode_batch(frames), len(seen)),
        "zstd_encode": (lambda: [compress(message) for message in seen], len(seen)),
        "zstd_decode": (lambda: [decompress(frame) for frame in zstd_frames], len(seen)),
    }
    best = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for key, (work, count) in works.items():
            best[key] = min(best[key], timed(work) / count * 1e6)
    size = sum(map(len, sample)) / len(sample)
    share = sum(codec.remembers(message) for message in sample) / len(sample)
    return Row(file=name, bytes_per_message=size, seen_share=share, **best)


def show(row: Row) -> None:
    encode, unseen = row.encode_seen / row.zstd_encode, row.encode_unseen / row.zstd_encode
    decode = row.decode / row.zstd_decode
    print(
        f"{row.file:36}{row.bytes_per_message:7.0f}{100 * row.seen_share:6.0f}%"
        f"{row.encode_seen:9.1f}{encode:7.1f}x{row.encode_unseen:9.0f}{unseen:7.0f}x{row.zstd_encode:8.2f}"
        f"{row.decode:9.1f}{decode:7.1f}x{row.zstd_decode:8.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="files of messages; default: the shipped samples")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    shipped = sorted(Path(str(files("aura_stream") / "samples")).glob("*.*l*"))
    print(
        f"{'microseconds a message':36}{'B/msg':>7}{'seen':>7}{'encode':>9}{'':>8}{'unseen':>9}{'':>8}{'zstd':>8}"
        f"{'decode':>9}{'':>8}{'zstd':>8}"
    )
    rows = []
    for path in options.files or shipped:
        rows.append(measure(path.name, read(path)))
        show(rows[-1])
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
