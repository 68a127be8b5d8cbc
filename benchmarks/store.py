"""What a template store costs as it grows, on a real Redis with a journal file.

    python benchmarks/store.py [--counts 10 1000 10000] [--json FILE]

Per number of templates: how long it takes to promote them at once into an empty namespace, and in proposals of 100;
what they take up in Redis (MEMORY USAGE of all keys) and in the journal, by template; how long a process needs until
it has the book, from its mirror, from Redis alone, from the journal alone; and what its memory grows by, with the
book and with a codec that has encoded a message. Templates are made of the words of the sample logs, with two slots.
Best of three; each start in a process of its own, imports not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from aura_connectors.files.journal import maker as journal_maker
from aura_connectors.redis_streams.shared_log import maker as log_maker
from redis.asyncio import Redis

from aura_stream import HybridCodec
from aura_stream.app.embedded import EmbeddedServer, find_embedded, find_installed, free_port
from aura_stream.codec import Proposal, Template
from aura_stream.codec.slots.types import HEX_LOWER, INT
from aura_stream.store import FolderMirror, NoMirror, SharedStore

SAMPLES = Path(__file__).parent.parent / "aura_stream" / "samples" / "logs.txt"
NAMESPACE = "benchmark"
REPEATS = 3
STEP = 100  # templates of a proposal
MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """One size of a store. Seconds, bytes, MiB."""

    templates: int
    at_once_s: float
    by_100_s: float
    redis_bytes: float  # a template, each in an entry of its own
    redis_bytes_opening: float  # a template, together in an opening
    journal_bytes: float
    start_mirror_s: float
    start_redis_s: float
    start_journal_s: float
    book_mib: float
    codec_mib: float


@dataclass(frozen=True)
class Place:
    """One namespace: a server and a folder."""

    url: str
    folder: Path

    def store(self, url: str = "", mirror: bool = False) -> SharedStore:
        log = log_maker.shared_log(log_maker.options.model_validate({"url": url or self.url}), NAMESPACE)
        options = journal_maker.options.model_validate({"path": self.folder / "journal"})
        journal = journal_maker.journal(options, NAMESPACE)
        kept = FolderMirror(self.folder / "mirror", NAMESPACE, "run") if mirror else NoMirror()
        return SharedStore(log, journal, NAMESPACE, mirror=kept)


def templates(count: int) -> list[Template]:
    """Return distinct templates of about 60 bytes."""
    chosen = random.Random(7)
    words = sorted({word for word in SAMPLES.read_bytes().split() if word.isalpha()})
    made: dict[bytes, Template] = {}
    while len(made) < count:
        before, between, behind = (b" ".join(chosen.choices(words, k=3)) for _ in range(3))
        template = Template((before + b" ", INT << 16, b" " + between + b" ", HEX_LOWER << 16, b" " + behind))
        made[template.digest] = template
    return list(made.values())


async def promote(place: Place, made: list[Template], step: int) -> float:
    store = place.store()
    await store.start()
    begin = time.perf_counter()
    for first in range(0, len(made), step):
        await store.promote(Proposal(made[first : first + step]))
    seconds = time.perf_counter() - begin
    await store.stop()
    return seconds


async def taken(url: str) -> int:
    """Return the bytes that all keys take up."""
    redis = Redis.from_url(url)
    total = sum([await redis.memory_usage(key, samples=0) or 0 for key in await redis.keys("*")])
    await redis.aclose()
    return total


async def begin(place: Place, way: str, message: bytes) -> dict[str, float]:
    """Start a follower as a fresh process does: what this process then reports of itself."""
    gone = f"redis://127.0.0.1:{free_port()}/0"
    store = place.store(gone if way == "journal" else "", mirror=way == "mirror")
    own = psutil.Process()
    before = own.memory_info().rss
    first = time.perf_counter()
    book = await store.start()
    seconds = time.perf_counter() - first
    with_book = own.memory_info().rss
    HybridCodec(book).encode(message)
    with_codec = own.memory_info().rss
    await store.stop()
    return {"seconds": seconds, "book": (with_book - before) / MIB, "codec": (with_codec - before) / MIB}


def started(place: Place, way: str) -> dict[str, float]:
    """Start in processes of their own; the best."""
    command = [sys.executable, __file__, "--start", way, place.url, str(place.folder)]
    runs = []
    for _ in range(REPEATS):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout))
    return {name: min(run[name] for run in runs) for name in runs[0]}


def fresh(work: Callable[[Place], Any]) -> Any:
    """Run something on a server and in a folder of its own."""
    binary = find_installed() or find_embedded()
    with EmbeddedServer(binary) as server, tempfile.TemporaryDirectory() as folder:
        return work(Place(server.url, Path(folder)))


def measure(count: int) -> Row:
    made = templates(count)

    def at_once(place: Place) -> tuple[float, float]:
        return asyncio.run(promote(place, made, count)), asyncio.run(taken(place.url)) / count

    def by_steps(place: Place) -> dict[str, float]:
        asyncio.run(promote(place, made[:1], 1))  # the opening
        empty = asyncio.run(taken(place.url))
        seconds = asyncio.run(promote(place, made, STEP))
        result = {"seconds": seconds, "redis": (asyncio.run(taken(place.url)) - empty) / count}
        result["journal"] = (place.folder / "journal").stat().st_size / count
        asyncio.run(begin(place, "mirror", b""))  # writes the mirror
        for way in ("mirror", "redis", "journal"):
            result |= {f"{way} {name}": value for name, value in started(place, way).items()}
        return result

    together = [fresh(at_once) for _ in range(REPEATS)]
    apart = fresh(by_steps)
    return Row(
        count,
        min(seconds for seconds, _ in together),
        apart["seconds"],
        apart["redis"],
        together[0][1],
        apart["journal"],
        *(apart[f"{way} seconds"] for way in ("mirror", "redis", "journal")),
        apart["redis book"],
        apart["redis codec"],
    )


HEADINGS = (
    ("templates", "templates", "{:,}"),
    ("at_once_s", "promoted at once, s", "{:.3f}"),
    ("by_100_s", "by 100, s", "{:.3f}"),
    ("redis_bytes", "Redis, bytes a template", "{:.0f}"),
    ("redis_bytes_opening", "in an opening", "{:.0f}"),
    ("journal_bytes", "journal", "{:.0f}"),
    ("start_mirror_s", "start from mirror, s", "{:.3f}"),
    ("start_redis_s", "from Redis, s", "{:.3f}"),
    ("start_journal_s", "from journal, s", "{:.3f}"),
    ("book_mib", "book, MiB", "{:.1f}"),
    ("codec_mib", "with codec, MiB", "{:.1f}"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 1000, 10_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--start", nargs=3, help=argparse.SUPPRESS)  # way, url, folder: in a process of its own
    options = parser.parse_args()
    if options.start:
        way, url, folder = options.start
        print(json.dumps(asyncio.run(begin(Place(url, Path(folder)), way, SAMPLES.read_bytes().split(b"\n")[0]))))
        return
    print("| " + " | ".join(heading for _, heading, _ in HEADINGS) + " |")
    print("|" + "---|" * len(HEADINGS))
    rows = []
    for count in options.counts:
        rows.append(row := measure(count))
        print("| " + " | ".join(spelled.format(getattr(row, name)) for name, _, spelled in HEADINGS) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
