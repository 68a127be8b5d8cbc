"""Learning while encoding: each message once, with what was learned from those before it.

    python benchmarks/drift.py DIR [--only NAME ...] [--first BYTES] [--jobs N] [--json FILE]

Each file of messages in DIR (one a line) is encoded from the first message to the last. After 1, 2, 3, 5, 7.5 and 10 %
of it and then every 5 %, the miner proposes from what has passed, and the codec adopts the longer book: what a bridge
does beside a discovery process. Every frame is decoded with the last book and compared. Ratios of message bytes to
bytes stored, each message alone:

* zdict: zstd level 3 with a dictionary retrained at the same moments on the last MiB that has passed, each time the
  better of two sizes on the very messages to come (kind to it), without magic, checksum, dictionary id and check.
* online: ours, screening at k = 5; k=3: the same at 3. A check byte is counted on our side only. `rel`: online / zdict.
* frozen, after: the book as it was after the first quarter, and the online one, both over the other three quarters.
* Q1..Q4: online, by quarter of the file. templ: frames by template; whole: messages that a single template spells.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import zstandard
from ratio import compressor, geometric_mean

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.codec import count_methods
from aura_stream.mining.sample import newest

MOMENTS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.10, *(n / 20 for n in range(3, 20)))
FROZEN_AT = 0.25
DICTIONARY_SIZES = (16 << 10, 110 << 10)
TRAINED_ON = 1 << 20  # bytes
LOOKED_AT = 10  # one frame in so many is taken apart to count the templates in it


@dataclass(frozen=True)
class Online:
    """What became of one file: bytes of frames by part, and how they were made."""

    parts: list[int]
    frozen: int  # bytes of the frames behind FROZEN_AT, with the book of then
    template_share: float
    whole_share: float
    generations: int
    templates: int
    mining_seconds: float


@dataclass(frozen=True)
class Row:
    """One file's figures."""

    file: str
    messages: int
    raw: list[int]  # bytes by part
    zdict: list[int]
    online: Online
    at_three: Online

    def ratio(self, sizes: Sequence[int], first: int = 0) -> float:
        return sum(self.raw[first:]) / sum(sizes[first:])

    @property
    def relative(self) -> float:
        return sum(self.zdict) / sum(self.online.parts)

    @property
    def relative_at_three(self) -> float:
        return sum(self.zdict) / sum(self.at_three.parts)


def parts_of(messages: Sequence[bytes]) -> list[Sequence[bytes]]:
    cuts = [0, *(int(len(messages) * moment) for moment in MOMENTS), len(messages)]
    return [messages[start:stop] for start, stop in pairwise(cuts)]


def first_frozen() -> int:
    """Return the number of the first part behind FROZEN_AT."""
    return sum(moment <= FROZEN_AT for moment in MOMENTS)


def retrained(parts: Sequence[Sequence[bytes]]) -> Iterator[int]:
    """Yield for each part the bytes that zstd needs with the dictionary of the moment."""
    passed: list[bytes] = []
    for part in parts:
        totals = []
        for dictionary in (None, *trained(passed)):
            compress = compressor(dictionary).compress
            totals.append(sum(len(compress(message)) for message in part))
        yield min(totals)
        passed = newest([*passed, *part], TRAINED_ON)


def trained(messages: list[bytes]) -> Iterator[zstandard.ZstdCompressionDict]:
    for size in DICTIONARY_SIZES:
        try:
            yield zstandard.train_dictionary(size, list(messages))
        except zstandard.ZstdError:  # too little text for a dictionary of this size
            continue


def learn(name: str, parts: Sequence[Sequence[bytes]], distinct_messages: int) -> Online:
    miner = Miner(distinct_messages=distinct_messages)
    book = Codebook()
    codec = HybridCodec(book)
    frozen: HybridCodec | None = None
    frames: list[bytes] = []
    sizes: list[int] = []
    at_rest = 0
    seconds = 0.0
    for number, part in enumerate(parts):
        made = codec.encode_batch(part)
        sizes.append(sum(map(len, made)))
        frames += made
        if number >= first_frozen():
            frozen = frozen or HybridCodec(book)
            at_rest += sum(map(len, frozen.encode_batch(part)))
        start = time.process_time()
        miner.observe(part)
        longer = book.extended(miner.propose(book))
        seconds += time.process_time() - start
        assert book.is_prefix_of(longer)
        book = longer
        codec.adopt(book)
    if HybridCodec(Codebook.from_bytes(book.to_bytes())).decode_batch(frames) != [m for part in parts for m in part]:
        raise SystemExit(f"{name}: decoded messages differ from those encoded")
    shares = count_methods(frames)["template"] / len(frames), whole_share(HybridCodec(book), frames)
    newest = book.newest
    return Online(
        sizes, at_rest, *shares, len(book.generations), len(newest.templates) if newest else 0, round(seconds, 1)
    )


def whole_share(codec: HybridCodec, frames: Sequence[bytes]) -> float:
    looked_at = frames[::LOOKED_AT]
    whole = 0
    for frame in looked_at:
        kinds = [part.kind for part in codec.explain(frame)]
        whole += kinds.count("template") == 1 and not {"literal", "copy"} & set(kinds)
    return whole / len(looked_at)


def measure(path: Path, first_bytes: int | None) -> Row:
    messages = path.read_bytes().split(b"\n")
    if first_bytes is not None:
        messages = path.read_bytes()[:first_bytes].split(b"\n")[:-1]
    if not messages[-1]:
        messages.pop()
    parts = parts_of(messages)
    return Row(
        file=path.name,
        messages=len(messages),
        raw=[sum(map(len, part)) for part in parts],
        zdict=list(retrained(parts)),
        online=learn(path.name, parts, 5),
        at_three=learn(path.name, parts, 3),
    )


HEADER = (
    f"{'file':36}{'zdict':>8}{'online':>8}{'rel':>7}{'k=3':>8}{'rel':>7}{'frozen':>8}{'after':>8}"
    f"{'Q1':>7}{'Q2':>7}{'Q3':>7}{'Q4':>7}{'templ':>7}{'whole':>7}{'gen':>5}{'mine s':>8}"
)


def quarters(row: Row) -> list[float]:
    ends = [sum(moment <= share for moment in MOMENTS) for share in (0, 0.25, 0.5, 0.75)] + [len(row.raw)]
    return [sum(row.raw[start:stop]) / sum(row.online.parts[start:stop]) for start, stop in pairwise([0, *ends[1:]])]


def show(row: Row) -> None:
    online, first = row.online, first_frozen()
    after = row.ratio(online.parts, first)
    ratios = (row.ratio(row.zdict), row.ratio(online.parts), row.relative, row.ratio(row.at_three.parts))
    print(
        f"{row.file:36}{ratios[0]:8.2f}{ratios[1]:8.2f}{ratios[2]:7.2f}{ratios[3]:8.2f}{row.relative_at_three:7.2f}"
        f"{sum(row.raw[first:]) / online.frozen:8.2f}{after:8.2f}"
        + "".join(f"{each:7.2f}" for each in quarters(row))
        + f"{online.template_share:7.0%}{online.whole_share:7.0%}{online.generations:5}{online.mining_seconds:8.1f}",
        flush=True,
    )


def summarise(rows: Sequence[Row]) -> dict[str, float]:
    first = first_frozen()
    return {
        "zdict": geometric_mean([row.ratio(row.zdict) for row in rows]),
        "online": geometric_mean([row.ratio(row.online.parts) for row in rows]),
        "relative": geometric_mean([row.relative for row in rows]),
        "at_three": geometric_mean([row.ratio(row.at_three.parts) for row in rows]),
        "relative_at_three": geometric_mean([row.relative_at_three for row in rows]),
        "frozen": geometric_mean([sum(row.raw[first:]) / row.online.frozen for row in rows]),
        "after": geometric_mean([row.ratio(row.online.parts, first) for row in rows]),
        "zdict_after": geometric_mean([row.ratio(row.zdict, first) for row in rows]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="files of messages, one a line")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="files whose names hold one of these")
    parser.add_argument("--first", type=int, metavar="BYTES", help="only so much of each file, for a shorter run")
    parser.add_argument("--jobs", type=int, default=1, help="files measured at a time")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder}: no such folder; name one with files of messages, one a line")
    paths = [path for path in sorted(options.folder.iterdir()) if path.suffix != ".md" and path.is_file()]
    paths = [path for path in paths if any(name in path.name for name in options.only)]
    if not paths:
        sys.exit(f"{options.folder}: no file of messages in there")
    print(HEADER)
    rows = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for row in pool.map(measure, paths, [options.first] * len(paths)):
            rows.append(row)
            show(row)
            if not options.json:
                continue
            figures = {
                "moments": MOMENTS,
                "first": options.first,
                "files": [asdict(row) for row in rows],
                "geometric_mean": summarise(rows),
            }
            options.json.write_text(json.dumps(figures, indent=1) + "\n")
    means = summarise(rows)
    print("geometric means: " + ", ".join(f"{name} {value:.2f}" for name, value in means.items()))


if __name__ == "__main__":
    main()
