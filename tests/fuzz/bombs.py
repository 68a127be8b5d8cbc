"""Bombs: few bytes that ask for much memory, work or nesting. `python -m tests.fuzz.bombs [GOES]` prints what each one took.

Each goes off in this process, alone in it, with the address space capped: a decoder that believed one would raise
MemoryError. The peak of resident memory is the kernel's own (proc(5): VmHWM, reset through clear_refs).
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import brotli
import msgpack
import zstandard

from aura_stream import Codebook, HybridCodec
from aura_stream.codec import Generation, Template
from aura_stream.codec.bookfile import MAGIC
from aura_stream.codec.general import Zstd
from aura_stream.codec.slots import REPEAT, TEXT, slot_type
from aura_stream.codec.template import digest_of
from aura_stream.codec.wire import FORMAT, MAX_MESSAGE, compact
from aura_stream.errors import AuraError, CodebookError
from aura_stream.model.framing import leb128
from aura_stream.store import mirror
from aura_stream.store.bodies import MAX_OPENED
from aura_stream.store.entry import MAX_ENTRY, Entry
from aura_stream.store.ledger import Ledger

LIMITS = (MAX_MESSAGE, 4 << 20)  # bytes: the default, and a small one
WINDOW = 16 << 20  # bytes that brotli may need beside its output: the largest window of RFC 7932
SLACK = 8 << 20  # bytes: what the allocator keeps, and pieces of a message before they are put together
HEADROOM = 32 << 20  # bytes of address space, not of memory: what allocators have when they make a block larger
_MANY = b"\xdd\x00\x01\xff\xff"  # msgpack: a list of 131,071 items, which are not there
_DEEP = _MANY * 400  # lists in lists, below the depth that msgpack refuses by itself


@dataclass(frozen=True, slots=True)
class Bomb:
    """What goes off, and the limit (bytes) that it must not pass: memory stays below twice that."""

    name: str
    limit: int
    size: int  # bytes of the bomb itself
    set_off: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Blast:
    """What one bomb did. `error` is the class of what was raised, `peak` in bytes of resident memory."""

    name: str
    limit: int
    size: int
    error: str
    typed: bool  # one of our own errors
    peak: int
    milliseconds: float

    @property
    def bound(self) -> int:
        """The bytes that it may take."""
        return 2 * self.limit + SLACK + (WINDOW if "brotli" in self.name else 0)


def bombs() -> Iterator[Bomb]:
    """All of them."""
    for limit in LIMITS:
        codec = HybridCodec(_book(), max_message=limit)
        for name, frame in _frames(limit):
            yield Bomb(f"{name}, limit {limit >> 20} MiB", limit, len(frame), lambda c=codec, f=frame: c.decode(f))
    for name, data in _books():
        yield Bomb(f"book: {name}", MAX_OPENED, len(data), lambda d=data: Codebook.from_bytes(d))
    for name, record in _records():
        yield Bomb(f"entry: {name}", MAX_OPENED, len(record), lambda r=record: _taken(r))
    for name, content in _mirrors():
        yield Bomb(f"mirror: {name}", MAX_OPENED, len(content), lambda c=content: _mirrored(c))


def _book() -> Codebook:
    doubled = Template((slot_type(TEXT), *[slot_type(REPEAT, 1)] * 63))
    return Codebook(0, "plain", (Generation((Template((b"a" * 1000,)), doubled), b"dictionary of no use " * 8),))


def _frames(limit: int) -> Iterator[tuple[str, bytes]]:
    for power in (40, 63):
        header = b"\xe0" + (1 << power).to_bytes(8, "little") + b"\x01\x00\x00"
        yield f"zstd that says 2^{power} bytes", b"\xfd" + header
        yield f"dictionary zstd that says 2^{power} bytes", b"\x99" + header
    yield "zstd with a window of 2^31", b"\xfd\x80\xa8" + (100).to_bytes(4, "little") + b"\x01\x00\x00"
    yield "zstd of zeros, one byte too many", b"\xfd" + _zstd(limit + 1)
    yield "zstd of 1 GiB of zeros", b"\xfd" + _zstd(1 << 30)
    for window in (10, 16, 22, 24):
        packed = brotli.compress(bytes(limit + (1 << 20)), quality=1, lgwin=window)
        yield f"brotli of zeros, window 2^{window}", b"\xfc" + packed
    best = brotli.compress(bytes(4 * limit), quality=9)
    yield f"brotli 1:{4 * limit // len(best)}", b"\xfc" + best
    yield "copies that double", b"\x82" + _doubling()
    yield "templates of 1,000 bytes", b"\x82" + b"\x00" * (1 << 20)
    text = compact(64 << 10) + b"a" * (64 << 10)
    yield "slots that repeat 64 KiB", b"\x82\xfb\x09\x00" + text + b"\xfa\x01" * (64 << 10)
    yield "templates of 64 slots of 64 KiB", b"\x82" + (b"\x01" + text) * 32
    yield "a slot that says 2^63 bytes", b"\x82\xfb\x09\x00" + compact(1 << 63)
    yield "a literal run of 2^63 bytes", b"\x82\xf8" + compact(1 << 63)
    yield "a copy of 2^63 bytes", b"\x82\xf8\x04aaaa\xf9" + compact(4) + compact(1 << 63)
    yield "hex digits, 2^63 of them", b"\x82\xfb\x04\x00" + compact(1 << 63)
    yield "generation 2^28", b"\xfe\x01\xff\xff\xff\x7f\x00"


def _doubling() -> bytes:
    size, items = 4, b"\xf8\x04aaaa"
    for _ in range(40):
        items += b"\xf9" + compact(size) + compact(size)
        size *= 2
    return items


def _zstd(size: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=1)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    block = bytes(1 << 20)
    pieces = [compressor.compress(block[: min(len(block), size - at)]) for at in range(0, size, len(block))]
    return b"".join(pieces) + compressor.flush()


def _books() -> Iterator[tuple[str, bytes]]:
    header = msgpack.packb([MAGIC, FORMAT, 1, "plain"])
    yield "a header of 2^32 items", b"\xdd\xff\xff\xff\xff" + header[1:]
    yield "an entry of 2^32 items", header + b"\xdd\xff\xff\xff\xff"
    yield "a body of 2^32 bytes", header + b"\x93\xa8template\xc4\x10" + bytes(16) + b"\xc6\xff\xff\xff\xff"
    for kind in ("template", "generation"):
        yield f"lists in lists in a {kind}", _book_of(kind, _DEEP + b"\xc0" * 100_000)
    yield "a generation of 2^32 templates", _book_of("generation", b"\x93\x00\xdd\xff\xff\xff\xff")
    yield "maps in a template", _book_of("template", b"\x91\xdf\x00\xff\xff\xff")
    yield "a template of 100,000 symbols", _book_of("template", msgpack.packb([b"a"] * 100_000))
    yield "a dictionary of 8 MiB", _book_of("dictionary", b"dictionary " * (8 << 20 >> 3), in_use=True)


def _book_of(kind: str, body: bytes, in_use: bool = False) -> bytes:
    out = bytearray(msgpack.packb([MAGIC, FORMAT, 1, "plain"]))
    bodies = [(kind, body)]
    if in_use:
        bodies.append(("generation", msgpack.packb([0, [], digest_of(body)])))
    for each, content in bodies:
        out += msgpack.packb([each, digest_of(content), content])
    return bytes(out + msgpack.packb(["end", len(bodies), digest_of(bytes(out))]))


def _records() -> Iterator[tuple[str, bytes]]:
    yield "a list of 2^32 items", _signed(b"\xdd\xff\xff\xff\xff")
    yield "lists in lists", _signed(_DEEP + b"\xc0" * 1000)
    yield "a body of 2^32 bytes", _signed(b"\x96\xa8template\x00\x00\x00\xc4\x00\xc6\xff\xff\xff\xff")
    yield "a name of 2^32 bytes", _signed(b"\x96\xdb\xff\xff\xff\xff")
    yield "larger than an entry may be", _signed(bytes(MAX_ENTRY))
    yield "lists in lists in a template", _entry("template", 0, _DEEP + b"\xc0" * 100_000)
    yield "lists in lists in an opening", _entry("generation", -1, Zstd().compress(_DEEP + b"\xc0" * 100_000))
    yield "an opening of 1 GiB of zeros", _entry("generation", -1, _zstd(1 << 30))
    yield (
        "an opening of 2^32 templates",
        _entry("generation", -1, Zstd().compress(b"\x93\x00\xc4\x00\xdd\xff\xff\xff\xff")),
    )
    yield "lists in lists in a namespace", Entry("namespace", 0, -1, 0, b"", _DEEP).to_bytes()


def _signed(packed: bytes) -> bytes:
    return packed + digest_of(packed)


def _founded() -> Ledger:
    ledger = Ledger()
    body = msgpack.packb([FORMAT, "orders", "id", 1, "plain"])
    assert ledger.apply(Entry("namespace", 0, -1, 0, b"", body).to_bytes()).verdict == "applied"
    return ledger


def _entry(kind: str, number: int, body: bytes) -> bytes:
    """Return an entry that follows on, so that its body is looked at."""
    ledger = _founded()
    generation = ledger.end.generation + 1 if kind == "generation" else 0
    if kind == "template":
        opening = Entry("generation", 0, 0, -1, ledger.tail, Zstd().compress(msgpack.packb([0, b"", []])))
        assert ledger.apply(opening.to_bytes()).verdict == "applied"
    return Entry(kind, 0, generation, number, ledger.tail, body).to_bytes()  # type: ignore[arg-type]


def _taken(record: bytes) -> None:
    """Let a ledger take a record. Raises what its verdict stands for."""
    ledger = _founded()
    opening = Entry("generation", 0, 0, -1, ledger.tail, Zstd().compress(msgpack.packb([0, b"", []])))
    if record[:10].find(b"template") >= 0:
        ledger.apply(opening.to_bytes())
    outcome = (Ledger() if b"namespace" in record[:16] else ledger).apply(record)
    if outcome.verdict == "damaged":
        raise CodebookError(outcome.reason)


def _mirrors() -> Iterator[tuple[str, bytes]]:
    yield "a record of 2^34 bytes", b"\xff\xff\xff\xff\x7f" + bytes(100)
    yield "a million empty records", b"\x00" * 1_000_000
    record = _signed(_DEEP)
    yield "a record of lists in lists", leb128(len(record)) + record


def _mirrored(content: bytes) -> None:
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"aura-bomb-{time.monotonic_ns()}"
    path.write_bytes(content)
    try:
        found = mirror._read(path)
    finally:
        path.unlink()
    if found.damaged or found.torn:
        raise CodebookError("damaged, and kept aside")


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise OSError(f"this kernel does not tell {name}")


def measured(bomb: Bomb) -> Blast:
    """Set a bomb off with the address space capped a little above what it may take."""
    blast = Blast(bomb.name, bomb.limit, bomb.size, "", False, 0, 0.0)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    cap = _memory("VmSize") + blast.bound + bomb.limit + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (cap, most))
    error: BaseException | None = None
    start = time.perf_counter()
    try:
        bomb.set_off()
    except Exception as exc:  # noqa: BLE001  the finding of a fuzzer: anything that is not one of ours
        error = exc
    seconds = time.perf_counter() - start
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    peak = max(0, _memory("VmHWM") - before)
    name = type(error).__name__ if error is not None else "none"
    return Blast(bomb.name, bomb.limit, bomb.size, name, isinstance(error, AuraError), peak, round(1000 * seconds, 3))


def main() -> int:
    """Print a line of JSON for each bomb: the most memory, and the least time, of so many goes."""
    goes = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for bomb in bombs():
        blasts = [measured(bomb) for _ in range(goes)]
        least = min(blast.milliseconds for blast in blasts)
        print(json.dumps(asdict(max(blasts, key=lambda each: each.peak)) | {"milliseconds": least}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
