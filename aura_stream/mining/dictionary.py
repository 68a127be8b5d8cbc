"""A zstd dictionary for what no template matches, trained on screened text only: it holds it verbatim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import zstandard

from aura_stream.codec.general import Zstd
from aura_stream.mining.lexed import Lexed
from aura_stream.mining.screen import Screen

_SIZES: Final = (4 << 10, 16 << 10, 64 << 10, 110 << 10)
_HELD_OUT: Final = 5  # one message in so many proves what the others trained


def train_dictionary(messages: Sequence[bytes], lexed: Sequence[Lexed], screen: Screen) -> bytes:
    """Return the dictionary, of a few sizes, that makes held-out messages smallest; empty if none helps."""
    train: list[bytes | bytearray | memoryview] = [
        _screened(each, screen) for place, each in enumerate(lexed) if place % _HELD_OUT
    ]
    proof = [message for place, message in enumerate(messages) if not place % _HELD_OUT]
    best, least = b"", _total(b"", proof)
    for size in _SIZES:
        try:
            dictionary = zstandard.train_dictionary(size, train).as_bytes()
        except zstandard.ZstdError:  # too little text for a dictionary of this size
            continue
        total = _total(dictionary, proof)
        if total < least:
            best, least = dictionary, total
    return best


def _total(dictionary: bytes, messages: Sequence[bytes]) -> int:
    zstd = Zstd(dictionary)
    return sum(min(len(message), len(zstd.compress(message))) for message in messages)


def _screened(message: Lexed, screen: Screen) -> bytes:
    """Return a message's text without what may not be a literal."""
    return b"".join(
        text
        for place, (text, found) in enumerate(zip(message.texts, message.candidates, strict=True))
        if place not in message.private and screen.allows(text, found)
    )
