"""Codebook files: a header, one record per entry with its digest, an end record with the digest of it all.

    file   = header record* end                      each a msgpack value, one behind the other
    header = ["aura-codebook", format, check_bytes, raw]
    record = ["template", digest, body]              body: Template.body
           | ["dictionary", digest, body]
           | ["generation", digest, body]            body: msgpack [birth, [template digest…], dictionary digest]
           | ["retired", digest, body]               body: template digests, one behind the other
    end    = ["end", records, digest of all before]

A digest is 16 bytes of BLAKE2b over the body. A generation names only entries that stand before it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar

import msgpack

from aura_stream.codec.generation import Generation
from aura_stream.codec.template import DIGEST_SIZE, Template, digest_of
from aura_stream.codec.wire import FORMAT, MAX_TEMPLATES
from aura_stream.errors import CodebookError

MAGIC: Final = "aura-codebook"
MAX_FILE: Final = 256 << 20
_NO_DICTIONARY: Final = b""


Book = TypeVar("Book")


def dump(
    check_bytes: int, raw: str, generations: Sequence[Generation], retired: frozenset[bytes] = frozenset()
) -> bytes:
    """Return a codebook as the bytes of its file."""
    out = bytearray(msgpack.packb([MAGIC, FORMAT, check_bytes, raw]))
    count = 0
    written: dict[tuple[str, bytes], bytes] = {}
    for kind, digest, body in _records(generations, retired):
        known = written.get((kind, digest))
        if known is None or kind == "generation":
            out += msgpack.packb([kind, digest, body])
            written[kind, digest] = body
            count += 1
        elif known != body:
            raise CodebookError(f"two entries have the digest {digest.hex()}")
    return bytes(out + msgpack.packb(["end", count, digest_of(bytes(out))]))


def _records(generations: Sequence[Generation], retired: frozenset[bytes]) -> Iterator[tuple[str, bytes, bytes]]:
    for generation in generations:
        for template in generation.templates:
            yield "template", template.digest, template.body
        dictionary = _NO_DICTIONARY
        if generation.dictionary:
            dictionary = digest_of(generation.dictionary)
            yield "dictionary", dictionary, generation.dictionary
        body = msgpack.packb([generation.birth, [template.digest for template in generation.templates], dictionary])
        yield "generation", digest_of(body), body
    if retired:
        body = b"".join(sorted(retired))
        yield "retired", digest_of(body), body


def replace_file(path: str | PathLike[str], data: bytes) -> None:
    """Write a file atomically: a temporary one beside it, synced, then renamed over it."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:  # not mkstemp: a codebook is for others to read, as the umask says
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(path: str | PathLike[str]) -> bytes:
    """Return a codebook file's bytes. Raises CodebookError if it is larger than any codebook, OSError if not there."""
    size = os.stat(path).st_size
    if size > MAX_FILE:
        raise CodebookError(f"{path}: a codebook file has at most {MAX_FILE} bytes, not {size}")
    return Path(path).read_bytes()


def parse(data: bytes, name: str, make: Callable[[int, Any, tuple[Generation, ...], frozenset[bytes]], Book]) -> Book:
    """Read a codebook from the bytes of its file. Raises CodebookError naming the entry that is damaged."""
    reader = _Reader(data)
    try:
        check_bytes, raw = reader.read()
        reader.entry = "header"  # the only one whose content was not looked at
        return make(check_bytes, raw, tuple(reader.generations), reader.retired)
    except CodebookError as exc:
        raise CodebookError(f"{name}: {reader.entry}: {exc}", reader.entry) from exc
    except (ValueError, TypeError, KeyError, msgpack.UnpackException, RecursionError) as exc:
        raise CodebookError(f"{name}: {reader.entry} is damaged or cut off", reader.entry) from exc


class _Reader:
    """Takes entries one by one; `entry` names the one at hand, for the error message."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.entry = "header"
        self.templates: dict[bytes, Template] = {}
        self.dictionaries: dict[bytes, bytes] = {_NO_DICTIONARY: b""}
        self.generations: list[Generation] = []
        self.retired: frozenset[bytes] = frozenset()

    def read(self) -> tuple[int, Any]:
        """Take all entries, and return check_bytes and raw."""
        # Lists of more than a header's items would be allocated before their items are seen to be missing.
        unpacker = msgpack.Unpacker(max_buffer_size=MAX_FILE, max_array_len=4, max_map_len=0, max_str_len=64)
        unpacker.feed(self.data)
        properties = self._header(unpacker.unpack())
        count = 0
        while True:
            self.entry = f"entry {count}"
            start = unpacker.tell()
            kind, second, third = unpacker.unpack()
            if kind == "end":
                self.entry = "end"
                if second != count or third != digest_of(self.data[:start]) or unpacker.tell() != len(self.data):
                    raise CodebookError("entries are missing or were added")
                return properties
            if kind in _KINDS:
                self.entry = f"entry {count} ({kind})"
            self._take(kind, second, third)
            count += 1

    def _header(self, header: Any) -> tuple[int, Any]:
        if not isinstance(header, list) or len(header) != 4 or header[0] != MAGIC:
            raise CodebookError("this is not a codebook file")
        if header[1] != FORMAT:
            raise CodebookError(f"format {header[1]!r} is not known here; this version reads format {FORMAT}")
        return header[2], header[3]

    def _take(self, kind: Any, digest: Any, body: Any) -> None:
        if not isinstance(body, bytes) or digest != digest_of(body):
            raise CodebookError("the digest does not fit: the entry is damaged")
        if kind == "template":
            template = Template.from_body(body)
            _once(self.templates.setdefault(digest, template) == template)
        elif kind == "dictionary":
            _once(self.dictionaries.setdefault(digest, body) == body)
        elif kind == "generation":
            birth, digests, dictionary = _generation(body)
            templates = tuple(self.templates[each] for each in digests)
            self.generations.append(Generation(templates, self.dictionaries[dictionary], birth))
        elif kind == "retired":
            self.retired = frozenset(_digests(body))
        else:
            raise CodebookError("this kind of entry is not known here")


_KINDS: Final = ("template", "dictionary", "generation", "retired")


def _once(same: bool) -> None:
    if not same:
        raise CodebookError("another entry has the same digest")


def _generation(body: bytes) -> tuple[Any, list[Any], Any]:
    """Return birth, template digests and dictionary digest, item by item: no list is allocated because it says so."""
    reader = msgpack.Unpacker(max_buffer_size=MAX_FILE, max_array_len=0, max_map_len=0, max_ext_len=0)
    reader.feed(body)
    if reader.read_array_header() != 3:
        raise CodebookError("it is no generation")
    birth, count = reader.unpack(), reader.read_array_header()
    if count > MAX_TEMPLATES:
        raise CodebookError(f"a generation holds at most {MAX_TEMPLATES} templates")
    digests = [reader.unpack() for _ in range(count)]
    dictionary = reader.unpack()
    if reader.tell() != len(body):
        raise CodebookError("there is something behind the generation")
    return birth, digests, dictionary


def _digests(body: bytes) -> list[bytes]:
    if not body or len(body) % DIGEST_SIZE:
        raise CodebookError("not a list of digests")
    return [body[at : at + DIGEST_SIZE] for at in range(0, len(body), DIGEST_SIZE)]
