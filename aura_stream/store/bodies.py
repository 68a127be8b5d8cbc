"""What stands in the body of an entry, by its kind.

namespace   msgpack [format, namespace, store_id, check_bytes, raw]
generation  zstd (magicless) of msgpack [birth, dictionary, [Template.body…]]: the generation's first templates
template    Template.body
retire      template digests, one behind the other
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from aura_stream.codec import Codebook, Generation, Template
from aura_stream.codec.codebook import RawMode
from aura_stream.codec.general import Zstd
from aura_stream.codec.template import DIGEST_SIZE
from aura_stream.codec.wire import FORMAT
from aura_stream.errors import CodebookError, DecodeError
from aura_stream.store.entry import MAX_ENTRY

MAX_OPENING: Final = 512 << 10  # bytes of an opening's body, from which on templates follow by themselves
MAX_OPENED: Final = 8 << 20  # bytes that it may decompress to
MAX_FIRST: Final = 1 << 16  # templates of an opening
MAX_RETIRED: Final = 50_000  # digests of one retiring entry
_PLENTY: Final = 4 << 20  # bytes of template bodies beyond which an opening is not even tried
_MAX_NAME: Final = 255
_NAMESPACE_ITEMS: Final = 5
_OPENING_ITEMS: Final = 3


@dataclass(frozen=True, slots=True)
class Namespace:
    """What a namespace is made with, once and for ever. `store_id` tells it from another of the same name."""

    name: str
    check_bytes: int = 1
    raw: RawMode = "plain"
    store_id: str = ""

    def to_body(self) -> bytes:
        """Return the body of its entry."""
        return bytes(msgpack.packb([FORMAT, self.name, self.store_id, self.check_bytes, self.raw]))

    @classmethod
    def from_body(cls, body: bytes) -> Namespace:
        """Read it back. Raises CodebookError."""
        items = _unpacked(body, _NAMESPACE_ITEMS)
        if not isinstance(items, list) or not items:
            raise CodebookError("it is no namespace")
        if items[0] != FORMAT:
            raise NewerFormatError(f"format {items[0]!r} is not known here; this version reads format {FORMAT}")
        if len(items) != _NAMESPACE_ITEMS:
            raise CodebookError("it is no namespace")
        _, name, store_id, check_bytes, raw = items
        if not all(isinstance(text, str) and 0 < len(text) <= _MAX_NAME for text in (name, store_id)):
            raise CodebookError("its names are none")
        Codebook(check_bytes, raw)  # which knows what these may be
        return cls(name, check_bytes, raw, store_id)

    @property
    def codebook(self) -> Codebook:
        """The empty book of this namespace."""
        return Codebook(self.check_bytes, self.raw)


class NewerFormatError(CodebookError):
    """The store was made by a later version: nothing in it may be taken for damage."""


def pack_opening(generation: Generation) -> tuple[bytes, int]:
    """Return the body that opens a generation, and how many of its templates are in it: as many as fit.

    Raises CodebookError if the dictionary alone does not.
    """
    count = _most(generation.templates)
    while True:
        bodies = [template.body for template in generation.templates[:count]]
        body = Zstd().compress(bytes(msgpack.packb([generation.birth, generation.dictionary, bodies])))
        if len(body) <= MAX_OPENING:
            return body, count
        if not count:
            break
        count //= 2
    if len(body) > MAX_ENTRY - 1000:  # what the entry around it takes is less
        raise CodebookError("the dictionary is too large for an entry of the template store")
    return body, count


def _most(templates: Sequence[Template]) -> int:
    size = 0
    for count, template in enumerate(templates[:MAX_FIRST]):
        size += len(template.body)
        if size > _PLENTY:
            return count
    return min(len(templates), MAX_FIRST)


def unpack_opening(body: bytes, interned: dict[bytes, Template]) -> Generation:
    """Read it back. Raises CodebookError."""
    try:
        packed = Zstd().decompress(body, MAX_OPENED)
    except DecodeError as exc:
        raise CodebookError("it is no generation") from exc
    birth, dictionary, bodies = _opening_items(packed)
    if not isinstance(dictionary, bytes):
        raise CodebookError("it is no generation")
    templates = tuple(unpack_template(each, interned) for each in bodies)
    if len(set(bodies)) < len(bodies):
        raise CodebookError("it names a template twice")
    return Generation(templates, dictionary, birth)


def _opening_items(packed: bytes) -> tuple[Any, Any, list[Any]]:
    """Return birth, dictionary and bodies, item by item: as a whole, lists in lists would take 80 times their size."""
    reader = msgpack.Unpacker(max_buffer_size=len(packed), max_array_len=0, max_map_len=0, max_ext_len=0)
    reader.feed(packed)
    try:
        items, birth, dictionary, count = reader.read_array_header(), *_next(reader, 2), reader.read_array_header()
        bodies = _next(reader, count) if items == _OPENING_ITEMS and count <= MAX_FIRST else None
        canonical = msgpack.packb([birth, dictionary, bodies]) == packed
    except (ValueError, OverflowError, msgpack.UnpackException) as exc:
        raise CodebookError("it is no generation") from exc
    if bodies is None or not canonical:
        raise CodebookError("it is no generation, or spelled in another way than those are")
    return birth, dictionary, bodies


def _next(reader: msgpack.Unpacker, count: int) -> list[Any]:
    return [reader.unpack() for _ in range(count)]


def unpack_template(body: Any, interned: dict[bytes, Template]) -> Template:
    """Read a template; those read before are the same object. Raises CodebookError."""
    if not isinstance(body, bytes):
        raise CodebookError("it is no template")
    template = interned.get(body)
    if template is None:
        template = interned[body] = Template.from_body(body)
    return template


def pack_digests(digests: Sequence[bytes]) -> bytes:
    """Return the body that retires these templates. Raises CodebookError for what is no digest."""
    if any(len(digest) != DIGEST_SIZE for digest in digests):
        raise CodebookError(f"a template's digest has {DIGEST_SIZE} bytes")
    return b"".join(digests)


def unpack_digests(body: bytes) -> frozenset[bytes]:
    """Read it back. Raises CodebookError."""
    if len(body) % DIGEST_SIZE or not 0 < len(body) <= MAX_RETIRED * DIGEST_SIZE:
        raise CodebookError("it is no list of digests")
    digests = [body[at : at + DIGEST_SIZE] for at in range(0, len(body), DIGEST_SIZE)]
    if digests != sorted(set(digests)):
        raise CodebookError("its digests are out of order")
    return frozenset(digests)


def _unpacked(packed: bytes, most: int) -> Any:
    try:
        items = msgpack.unpackb(packed, max_array_len=most, max_map_len=0, max_ext_len=0)
        canonical = msgpack.packb(items) == packed
    except (ValueError, OverflowError, msgpack.UnpackException, RecursionError) as exc:
        raise CodebookError("it is no body of an entry") from exc
    if not canonical:
        raise CodebookError("its body is spelled in another way than bodies are")
    return items
