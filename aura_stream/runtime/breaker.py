"""Circuit breaker: a side that fails again and again is left alone for a while, and then tried by one.

    closed ──failures in a row──▶ open ──cool-down──▶ half-open ──the probe succeeds──▶ closed
                                    ▲                     │
                                    └──the probe fails────┘

After M. Nygard, "Release It!". Pure: the clock is handed in, counts seconds and never goes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["closed", "open", "half-open"]

FAILURES: Final = 5  # in a row; single ones are what retrying is for
COOL_DOWN: Final = 5.0  # seconds; a side that is back is noticed within this


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One that was let through; a probe decides for all."""

    probe: bool


class Breaker:
    """Shared by all who use one side. Each asks `enter` before an attempt, and then tells how it ended, once."""

    def __init__(
        self, failures: int = FAILURES, cool_down: float = COOL_DOWN, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._cool_down = cool_down
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None  # when it opened last; None: it is closed
        self._probe: Attempt | None = None

    @property
    def state(self) -> State:
        """closed: all may try; open: nobody; half-open: one, the probe."""
        if self._opened is None:
            return "closed"
        return "open" if self._probe is None and self.remaining > 0 else "half-open"

    @property
    def remaining(self) -> float:
        """Seconds until a probe may be made; 0 in other states."""
        return 0.0 if self._opened is None else max(0.0, self._opened + self._cool_down - self._clock())

    def enter(self) -> Attempt | None:
        """Ask for an attempt; None: not now. It must end with `succeeded`, `failed` or `gave_up`."""
        if self._opened is None:
            return Attempt(probe=False)
        if self._probe is not None or self.remaining > 0:
            return None
        self._probe = Attempt(probe=True)
        return self._probe

    def succeeded(self, _: Attempt) -> None:
        """The side answers: all may try again."""
        self._failures, self._opened, self._probe = 0, None, None

    def failed(self, attempt: Attempt) -> None:
        """It does not. While it is open only the probe's failure counts: others began before."""
        if self._opened is None:
            self._failures += 1
            if self._failures >= self._most:
                self._opened = self._clock()
        elif attempt is self._probe:
            self._opened, self._probe = self._clock(), None

    def gave_up(self, attempt: Attempt) -> None:
        """The attempt was cut short and says nothing: after a probe another may be it."""
        if attempt is self._probe:
            self._probe = None
