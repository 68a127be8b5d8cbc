"""What a worker has done so far, as plain numbers. Written once per batch, read whenever somebody looks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from aura_stream.ports import StoreStatus
from aura_stream.runtime.breaker import Breaker, State


@dataclass(slots=True)
class Side:
    """How attempts at one side went, of all who try it: each has a breaker, and is among `down` while it fails."""

    failures: int = 0  # so far
    breakers: list[Breaker] = field(default_factory=list)
    down: list[Breaker] = field(default_factory=list)

    @property
    def breaker(self) -> State:
        """Whether the side is left alone for now, as the worst off finds it."""
        states = [breaker.state for breaker in self.breakers]
        return "open" if "open" in states else "half-open" if "half-open" in states else "closed"


@dataclass(slots=True)
class Statistics:
    """Totals since the start. Messages are fetched, published, settled; or dropped, when they are not ours any more.

    Settled ones are published or dead letters."""

    fetched: int = 0
    published: int = 0
    settled: int = 0
    dropped: int = 0
    dead_letters: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    methods: Counter[str] = field(default_factory=Counter)  # frames by method
    lag: int | None = None  # messages not settled yet, as the source last told
    learned: int = 0  # messages that discovery learned from
    promoted: int = 0  # templates
    lost: int = 0  # messages that vanished from the input, unread
    rebalances: int = 0  # times that partitions came to this worker
    waiting: int = 0  # messages held back until a template arrives
    generations: int = 0  # of the book in use
    templates: int = 0  # in its newest generation
    store: StoreStatus = field(default_factory=StoreStatus)
    sides: dict[str, Side] = field(default_factory=dict)  # "the output": how attempts at it go
    stalls: int = 0  # times that the event loop stood still

    @property
    def in_flight(self) -> int:
        """Messages that were fetched and would come again if the process ended now."""
        return self.fetched - self.settled - self.dropped

    def side(self, what: str) -> Side:
        """Return the figures of one side, for all who try it."""
        return self.sides.setdefault(what, Side())

    def ratio(self, decoding: bool) -> float | None:
        """Return bytes of messages per byte of frames, None before any."""
        messages, frames = (self.bytes_out, self.bytes_in) if decoding else (self.bytes_in, self.bytes_out)
        return messages / frames if frames else None

    @property
    def hit_rate(self) -> float | None:
        """The share of frames that templates made, None before any."""
        frames = self.methods.total()
        return self.methods["template"] / frames if frames else None
