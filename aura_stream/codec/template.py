"""A template: ordered literals and typed slots, of any length from a sub-word to a whole message."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgpack

from aura_stream.codec.slots import ENUM, MAX_PARAMETER, SlotType, is_valid, kind_of, parameter_of, slot_type
from aura_stream.errors import CodebookError

MAX_SYMBOLS: Final = 64  # also the most trie steps that the parser takes at a token
MAX_LITERAL: Final = 1000  # bytes of literals in all
MAX_ENUM: Final = 255
MAX_BODY: Final = 1 << 17  # bytes; 64 enums of 1,000 bytes take less
DIGEST_SIZE: Final = 16

Enum = tuple[bytes, ...]
Symbol = bytes | SlotType | Enum  # a literal token, a slot, or a slot that holds one of a few literals


def digest_of(body: bytes) -> bytes:
    """Return the digest that names an entry: 16 bytes of BLAKE2b (RFC 7693)."""
    return hashlib.blake2b(body, digest_size=DIGEST_SIZE).digest()


@dataclass(frozen=True)
class Template:
    """Symbols in order, one per token. Equal symbols make equal templates, and equal digests.

    Literals are split as the lexer splits messages: the parser walks tokens. For decoding only their bytes
    count. Raises CodebookError if a limit is passed or a slot type does not exist.
    """

    symbols: tuple[Symbol, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.symbols) <= MAX_SYMBOLS:
            raise CodebookError(f"a template has 1 to {MAX_SYMBOLS} symbols, not {len(self.symbols)}")
        if sum(len(symbol) for symbol in self.symbols if isinstance(symbol, bytes)) > MAX_LITERAL:
            raise CodebookError(f"a template has at most {MAX_LITERAL} bytes of literals")
        for symbol in self.symbols:
            _check(symbol)

    @cached_property
    def slots(self) -> tuple[tuple[int, SlotType | Enum], ...]:
        """The slots, each with its place among the symbols."""
        return tuple((place, symbol) for place, symbol in enumerate(self.symbols) if not isinstance(symbol, bytes))

    @cached_property
    def literals(self) -> tuple[bytes, ...]:
        """The bytes before each slot and behind the last: one more than there are slots."""
        runs = [b""]
        for symbol in self.symbols:
            if isinstance(symbol, bytes):
                runs[-1] += symbol
            else:
                runs.append(b"")
        return tuple(runs)

    @cached_property
    def body(self) -> bytes:
        """The template's bytes in a codebook: msgpack, one item per symbol."""
        return bytes(msgpack.packb([_pack(symbol) for symbol in self.symbols]))

    @cached_property
    def digest(self) -> bytes:
        """The name of the template, whatever its number."""
        return digest_of(self.body)

    @classmethod
    def from_body(cls, body: bytes) -> Template:
        """Read a template back. Raises CodebookError for anything that `body` does not make."""
        if len(body) > MAX_BODY:
            raise CodebookError(f"not a template: larger than {MAX_BODY} bytes")
        try:
            # No list is longer than an enum: one that says so is not even allocated.
            items = msgpack.unpackb(body, max_array_len=MAX_ENUM, max_map_len=0, max_ext_len=0)
        except (ValueError, msgpack.UnpackException, RecursionError) as exc:
            raise CodebookError(f"not a template: {exc}") from exc
        if not isinstance(items, list):
            raise CodebookError("not a template: not a list of symbols")
        template = cls(tuple(_unpack(item) for item in items))
        if template.body != body:
            raise CodebookError("not a template: spelled in another way than templates are")
        return template


def _check(symbol: Symbol) -> None:
    if isinstance(symbol, bytes):
        if not symbol:
            raise CodebookError("a literal has at least one byte")
    elif isinstance(symbol, tuple):
        if not 2 <= len(symbol) <= MAX_ENUM or not all(symbol) or sum(map(len, symbol)) > MAX_LITERAL:
            raise CodebookError(f"an enum has 2 to {MAX_ENUM} values, none empty, {MAX_LITERAL} bytes at most")
    elif not is_valid(symbol):
        raise CodebookError(f"slot type {kind_of(symbol)}/{parameter_of(symbol)} does not exist in this version")


def _pack(symbol: Symbol) -> Any:
    if isinstance(symbol, bytes):
        return symbol
    if isinstance(symbol, tuple):
        return [ENUM, list(symbol)]
    return [kind_of(symbol), parameter_of(symbol)]


def _unpack(item: Any) -> Symbol:
    if isinstance(item, bytes):
        return item
    if isinstance(item, list) and len(item) == 2:
        kind, rest = item
        if kind == ENUM and isinstance(rest, list) and all(isinstance(value, bytes) for value in rest):
            return tuple(rest)
        if isinstance(kind, int) and isinstance(rest, int) and 0 <= kind < 256 and 0 <= rest <= MAX_PARAMETER:
            return slot_type(kind, rest)
    raise CodebookError("not a template: neither a literal nor a slot")
