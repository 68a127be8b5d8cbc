"""Proof: what a codebook makes of messages that it was not mined from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aura_stream.codec import Codebook, HybridCodec

HELD_OUT: Final = 5  # the last of so many parts is held out
MOST: Final = 640 << 10  # bytes of messages that a proof looks at: enough to tell, and it is mined twice


def split(messages: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return (messages to mine, messages held out), in order of arrival, MOST bytes in all.

    Held out are the last ones: what a codebook will meet is what comes after it, not what stood between.
    """
    step = -(-sum(map(len, messages)) // MOST)
    taken = messages[:: max(1, step)]
    at = len(taken) - len(taken) // HELD_OUT
    return list(taken[:at]), list(taken[at:])


def encoded_size(book: Codebook, messages: Sequence[bytes]) -> int:
    """Return how many bytes the messages take as frames."""
    return sum(map(len, HybridCodec(book).encode_batch(messages)))
