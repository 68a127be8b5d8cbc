"""What discovery can afford: messages a second, a share of one core, and templates an hour. Clocks are passed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from aura_stream.codec import Generation, Proposal

T = TypeVar("T")

RATE_BURST: Final = 2.0  # seconds of messages that may be taken at once
CPU_BURST: Final = 5.0  # seconds of computing that may be saved up: a proposal comes in one piece
LONGEST_REST: Final = 0.5  # seconds; messages go on coming
HOUR: Final = 3600.0


class Means:
    """Messages and computing time, refilled by the clock. `rate` in messages a second, `share` of one core."""

    def __init__(self, rate: float, share: float, now: float, computed: float) -> None:
        self._rate = rate
        self._share = share
        self._messages = rate * RATE_BURST
        self._seconds = share * CPU_BURST
        self._now = now
        self._computed = computed

    def refill(self, now: float, computed: float) -> None:
        """Note the time, and the seconds that this process has computed in all."""
        passed, self._now = now - self._now, now
        spent, self._computed = computed - self._computed, computed
        self._messages = min(self._rate * RATE_BURST, self._messages + passed * self._rate)
        self._seconds = min(self._share * CPU_BURST, self._seconds + passed * self._share - spent)

    @property
    def in_debt(self) -> bool:
        """Whether more was computed than there is time for."""
        return self._seconds < 0

    @property
    def rest(self) -> float:
        """How long to rest, in seconds: until the debt is paid, but not for long at a time."""
        return min(LONGEST_REST, -self._seconds / self._share) if self.in_debt else 0.0

    def take(self, messages: Sequence[T]) -> Sequence[T]:
        """Return as many of these as can be learned from, evenly spread; none while in debt."""
        affordable = 0 if self.in_debt else int(self._messages)
        chosen = spread(messages, affordable)
        self._messages -= len(chosen)
        return chosen


class TemplateBudget:
    """New templates an hour: `left` of them now. A flood of crafted messages ends here."""

    def __init__(self, per_hour: int, now: float, left: float | None = None) -> None:
        self._per_hour = per_hour
        self._now = now
        self.left = float(per_hour) if left is None else max(0.0, min(left, per_hour))

    def refill(self, now: float) -> None:
        """Note the time; a clock that goes back adds nothing."""
        passed, self._now = max(0.0, now - self._now), now
        self.left = min(float(self._per_hour), self.left + passed * self._per_hour / HOUR)

    def cut(self, proposal: Proposal, newest: Generation | None) -> Proposal:
        """Return the proposal with as many new templates as are left; those that the book has cost nothing.

        An empty one if none at all is left for what is new: no generation is opened for what is known already.
        """
        known = newest.digests if newest is not None else frozenset()
        if self.left < 1 and any(template.digest not in known for template in proposal.templates):
            return Proposal()
        left = int(self.left)
        kept = []
        for template in proposal.templates:
            if template.digest not in known:
                left -= 1
                if left < 0:
                    continue
            kept.append(template)
        return Proposal(kept, proposal.opens, proposal.dictionary, proposal.birth)

    def spend(self, templates: int) -> None:
        """Note that so many were promoted."""
        self.left -= templates


class Drift:
    """How much of each byte frames save: of late, and in the long run. `threshold`: a fall that counts as drift."""

    RECENT: Final = 500  # messages, measured ones
    LONG: Final = 10_000
    ENOUGH: Final = 200

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._measured = 0
        self._last = 0.0
        self.recent = 0.0
        self.long = 0.0

    def note(self, messages: int, saved: float) -> None:
        """Note the share of bytes that was saved over so many messages."""
        if not messages:
            return
        if not self._measured:
            self.recent = self.long = saved
        self._measured += messages
        self._last = saved
        self.recent += (saved - self.recent) * min(1.0, messages / self.RECENT)
        self.long += (saved - self.long) * min(1.0, messages / self.LONG)

    @property
    def fell(self) -> bool:
        """Whether it fell by the threshold."""
        return self._measured >= self.ENOUGH and self.long - self.recent >= self._threshold

    def accept(self) -> None:
        """Take what came last for what is usual: what can be done about it is done now."""
        self.long = self.recent = self._last


def spread(items: Sequence[T], count: int) -> Sequence[T]:
    """Return `count` of the items, evenly spread; all if there are no more."""
    if count >= len(items):
        return items
    return [items[place * len(items) // count] for place in range(count)] if count > 0 else []
