"""Patterns of AURA's JSON stores, `I cannot {0}.`, as templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aura_stream.codec import Template
from aura_stream.codec.lexer import lex
from aura_stream.codec.slots import TEXT, slot_type
from aura_stream.codec.template import MAX_SYMBOLS, Symbol
from aura_stream.errors import CodebookError

MAX_PATTERN: Final = 4096  # characters; a template holds a quarter of that
MIN_PHRASE: Final = 2  # tokens: a single one is hardly worth a number
_SLOT_NAME: Final = re.compile(r"\d{1,5}|[A-Za-z_]\w{0,63}", re.ASCII)
_TEXT: Final = slot_type(TEXT)

Piece = bytes | None  # literal text, or a slot


def template_of(pattern: str) -> Template:
    """Return the template that a pattern means; each of its slots takes one word.

    Literals are split as the lexer splits messages, or the parser would never find them there. Raises CodebookError
    for anything but text with `{0}` or `{name}` in it.
    """
    pieces = split_pattern(pattern)
    slots = pieces.count(None)
    if slots == len(pieces):
        raise CodebookError("has no text beside its slots")
    if slots > MAX_SYMBOLS:
        raise CodebookError(f"has {slots} slots, and a template takes {MAX_SYMBOLS} symbols in all")
    symbols: list[Symbol] = []
    for piece in pieces:
        symbols += [_TEXT] if piece is None else lex(piece)[0]
    return Template(tuple(symbols))


def phrases_of(pattern: str) -> Iterator[Template]:
    """Yield the texts between a pattern's slots as templates of their own: for values of several words."""
    pieces = split_pattern(pattern)
    for piece in pieces:
        texts = lex(piece)[0] if piece is not None and None in pieces else []
        if len(texts) >= MIN_PHRASE:
            yield Template(tuple(texts))


def split_pattern(pattern: str) -> list[Piece]:
    """Return literal texts and slots, in order. Raises CodebookError for unbalanced, nested or unnamed braces."""
    if not pattern or len(pattern) > MAX_PATTERN:
        raise CodebookError(f"has {len(pattern)} characters; a pattern has 1 to {MAX_PATTERN}")
    pieces: list[Piece] = []
    name: str | None = None  # of the slot that is open
    for part in re.split(r"([{}])", pattern):
        if part == "{":
            if name is not None:
                raise CodebookError("has a brace inside of braces")
            name = ""
        elif part == "}":
            _check_name(name)
            pieces.append(None)
            name = None
        elif name is not None:
            name = part
        elif part:
            pieces.append(_encoded(part))
    if name is not None:
        raise CodebookError("has a brace that is never closed")
    return pieces


def _check_name(name: str | None) -> None:
    if name is None:
        raise CodebookError("has a closing brace without an opening one")
    if not _SLOT_NAME.fullmatch(name):
        raise CodebookError("has a slot that is neither {0} nor {name}")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CodebookError("is no text: it holds half of a surrogate pair") from None
