"""Proof: what a codebook makes of messages that it was not mined from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aura_stream.codec import Codebook, HybridCodec

HELD_OUT: Final = 5  # one message in so many is held out


def split(messages: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return (messages to mine, messages held out)."""
    mined = [message for place, message in enumerate(messages) if place % HELD_OUT != HELD_OUT - 1]
    return mined, list(messages[HELD_OUT - 1 :: HELD_OUT])


def encoded_size(book: Codebook, messages: Sequence[bytes]) -> int:
    """Return how many bytes the messages take as frames."""
    return sum(map(len, HybridCodec(book).encode_batch(messages)))
