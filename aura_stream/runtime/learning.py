"""Learning: a miner, and a codec that tells how well the present book does; all of it in one thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aura_stream.codec import Codebook, HybridCodec, Proposal, count_methods
from aura_stream.runtime.affording import spread

MEASURED: Final = 200  # messages of a sample that are encoded to see how well the book does


class Mining(Protocol):
    """What is asked of a miner."""

    def observe(self, messages: Sequence[bytes], /) -> None:
        """Look at messages."""
        ...

    def propose(self, codebook: Codebook, /) -> Proposal:
        """Return what the book lacks."""
        ...

    def explain(self) -> list[str]:
        """Tell why, line by line."""
        ...

    def snapshot(self) -> bytes:
        """Return what it has learned."""
        ...


@dataclass(frozen=True, slots=True)
class Measure:
    """How the present book did on some messages."""

    messages: int = 0
    by_template: int = 0
    saved: float = 0.0  # share of their bytes


class Learner:
    """Belongs to one thread. `make` builds a codec that writes as the bridge does."""

    def __init__(self, miner: Mining, make: Callable[[Codebook], HybridCodec]) -> None:
        self._miner = miner
        self._make = make
        self._codec: HybridCodec | None = None

    def observe(self, book: Codebook, messages: Sequence[bytes]) -> Measure:
        """Learn from messages, and tell how the book does on some of them."""
        self._miner.observe(messages)
        return self._measure(book, spread(messages, MEASURED))

    def propose(self, book: Codebook) -> Proposal:
        """Return what the book lacks."""
        return self._miner.propose(book)

    def explain(self) -> list[str]:
        """Tell why the last proposal is what it is."""
        return self._miner.explain()

    def snapshot(self) -> bytes:
        """Return what was learned."""
        return self._miner.snapshot()

    def _measure(self, book: Codebook, messages: Sequence[bytes]) -> Measure:
        codec = self._codec
        if codec is None:
            codec = self._codec = self._make(book)
        elif codec.codebook is not book:
            try:
                codec.adopt(book)
            except ValueError:  # not a longer one: nothing is written with it, so that it may be another
                codec = self._codec = self._make(book)
        size = sum(map(len, messages))
        if not size:
            return Measure()
        frames = codec.encode_batch(messages)
        by_template = count_methods(frames).get("template", 0)
        return Measure(len(messages), by_template, 1 - sum(map(len, frames)) / size)
