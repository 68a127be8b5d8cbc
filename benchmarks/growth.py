"""What encoding, decoding and adopting cost as a codebook grows.

    python benchmarks/growth.py [FILE] [--counts 10 1000 10000] [--json FILE]

The templates that FILE (one message a line; default: the sample logs) is encoded with are the same in every book; the
rest are phrases of its words that lead into the same places of the trie. Columns, all in the same run and interleaved,
best of several rounds, as multiples of the smallest book: encoding messages of remembered shapes, the full parse of
new ones, decoding; and in milliseconds what adopting 100 more templates takes away from the codec's thread.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.codec import Generation, Proposal, Template
from aura_stream.codec.lexer import lex
from aura_stream.codec.slots import INT, slot_type

ROUNDS = 9
MOST = 400  # messages timed
ADOPTED = 100  # templates


@dataclass(frozen=True)
class Row:
    """One size of a codebook: microseconds a message, milliseconds to adopt."""

    templates: int
    encode: float
    full_parse: float
    decode: float
    adopt_ms: float


class Book:
    """One size of a codebook, and the codecs that are timed with it."""

    def __init__(self, base: Generation, count: int, filler: Sequence[Template], messages: Sequence[bytes]) -> None:
        used = base.templates[:count]
        templates = (*used, *filler[: count - len(used)])
        self.book = Codebook(generations=(Generation(templates, base.dictionary, base.birth),))
        self.more = self.book.extended(Proposal(filler[count : count + ADOPTED]))
        self.codec = HybridCodec(self.book, "batched")
        self.forgetful = HybridCodec(self.book, "batched", shape_memory=0)
        for _ in range(3):
            self.frames = self.codec.encode_batch(messages)
        assert self.codec.decode_batch(self.frames) == list(messages)
        self.best = dict.fromkeys(("encode", "full_parse", "decode", "adopt"), float("inf"))

    def time(self, messages: Sequence[bytes]) -> None:
        """Time everything once."""
        self._note("encode", lambda: self.codec.encode_batch(messages))
        self._note("full_parse", lambda: self.forgetful.encode_batch(messages))
        self._note("decode", lambda: self.codec.decode_batch(self.frames))
        adopting = HybridCodec(self.book, "batched")
        adopting.encode_batch(messages[:20])
        self._note("adopt", lambda: adopting.adopt(self.more))

    def _note(self, what: str, work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        self.best[what] = min(self.best[what], time.perf_counter() - start)

    def row(self, messages: int) -> Row:
        """Return the best times."""
        per_message = 1e6 / messages
        times = [self.best[what] * per_message for what in ("encode", "full_parse", "decode")]
        return Row(len(self.book.generations[0].templates), *times, self.best["adopt"] * 1000)


def fillers(messages: Sequence[bytes], count: int) -> list[Template]:
    """Make phrases of the messages' own words, which share their beginnings with what messages hold."""
    rng = random.Random(1)
    texts = sorted({text for message in messages[:500] for text in lex(message)[0]})
    found: dict[bytes, Template] = {}
    while len(found) < count:
        words = rng.sample(texts, 4)
        template = Template((words[0], words[1], slot_type(INT), words[2], words[3]))
        found[template.digest] = template
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sample = Path(str(files("aura_stream").joinpath("samples/logs.txt")))
    parser.add_argument("file", type=Path, nargs="?", default=sample, help="messages, one a line")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 1000, 10_000], help="templates in a book")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    messages = [message for message in options.file.read_bytes().split(b"\n") if message]
    half = len(messages) // 2
    miner = Miner()
    miner.observe(messages[:half])
    base = Codebook().extended(miner.propose(Codebook())).newest
    assert base is not None
    filler = fillers(messages, max(options.counts) + ADOPTED)
    timed = messages[half : half + MOST]
    books = [Book(Generation(base.templates[: min(options.counts)], b"", base.birth), n, filler, timed)
             for n in options.counts]  # fmt: skip
    for _ in range(ROUNDS):
        for book in books:
            book.time(timed)
    rows = [book.row(len(timed)) for book in books]
    first = rows[0]
    print(f"{options.file.name}, {len(timed)} messages\n{'templates':>10}{'encode':>9}{'us':>8}{'parse':>9}{'us':>8}"
          f"{'decode':>9}{'us':>8}{'adopt ms':>10}")  # fmt: skip
    for row in rows:
        print(
            f"{row.templates:10,}{row.encode / first.encode:8.2f}x{row.encode:8.1f}"
            f"{row.full_parse / first.full_parse:8.2f}x{row.full_parse:8.1f}"
            f"{row.decode / first.decode:8.2f}x{row.decode:8.1f}{row.adopt_ms:10.2f}"
        )
    if options.json:
        figures = {"file": options.file.name, "messages": len(timed), "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
