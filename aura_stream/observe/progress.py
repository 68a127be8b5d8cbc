"""Progress: a live line on a terminal, a log line every few seconds otherwise, and a last one at the end."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from aura_stream.runtime import Statistics

LOG_EVERY: Final = 5.0  # seconds
DRAW_EVERY: Final = 0.25
WINDOW: Final = 2.0  # seconds: messages are settled by the thousand, and a speed that jumps cannot be read
RECENT: Final = 10.0  # seconds over which what is recent is taken: it shows what was learned, and drift

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The statistics at one moment, and how fast it went since the moment before."""

    messages: int
    messages_per_second: float
    bytes_in: int
    bytes_out: int
    ratio: float | None
    recent_ratio: float | None
    hit_rate: float | None
    recent_hit_rate: float | None
    lag: int | None
    generations: int
    templates: int
    waiting: int
    learned: int
    promoted: int
    store: str
    store_lost: int
    store_damaged: int
    dead_letters: int = 0
    failures: int = 0  # attempts at servers that did not answer
    away: tuple[str, ...] = ()  # sides that are left alone for now
    stalls: int = 0
    lost: int = 0
    rebalances: int = 0

    def __str__(self) -> str:
        parts = [f"{self.messages:,} messages", f"{self.messages_per_second:,.0f}/s"]
        if self.ratio is not None:
            recent = f", {self.recent_ratio:.2f} of late" if self.recent_ratio is not None else ""
            parts.append(f"ratio {self.ratio:.2f}{recent}")
        if self.hit_rate is not None:
            recent = f", {self.recent_hit_rate:.1%} of late" if self.recent_hit_rate is not None else ""
            parts.append(f"{self.hit_rate:.1%} by template{recent}")
        if self.generations:
            parts.append(f"generation {self.generations - 1}: {self.templates:,} templates")
        if self.learned:
            parts.append(f"learned from {self.learned:,}, promoted {self.promoted:,}")
        if self.lag is not None:
            parts.append(f"lag {self.lag:,}")
        if self.lost:
            parts.append(f"{self.lost:,} lost")
        if self.waiting:
            parts.append(f"{self.waiting:,} wait for a template")
        if self.dead_letters:
            parts.append(f"{self.dead_letters:,} dead letters")
        parts += [f"{side} is away" for side in self.away]
        if self.store != "ok":
            parts.append(f"store {self.store}")
        return " · ".join(parts)

    def fields(self) -> dict[str, object]:
        """Return the numbers for a log line in JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class _Past:
    """What the statistics were at a moment."""

    when: float
    frames: int = 0
    by_template: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class Meter:
    """Takes snapshots of growing statistics."""

    def __init__(self, statistics: Statistics, decoding: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._statistics = statistics
        self._decoding = decoding
        self._clock = clock
        self._begun = clock()
        self._readings = deque([(self._begun, 0)])  # when, and how many messages were settled then
        self._past = deque([_Past(self._begun)])

    def read(self) -> Snapshot:
        """Return the present state; the speed is that since the last reading, or over WINDOW if that is longer."""
        now, settled = self._clock(), self._statistics.settled
        while len(self._readings) > 1 and self._readings[1][0] <= now - WINDOW:
            self._readings.popleft()
        then, before = self._readings[0]
        self._readings.append((now, settled))
        return self._snapshot((settled - before) / max(now - then, 1e-6), *self._recent(now))

    def read_total(self) -> Snapshot:
        """Return the present state; the speed is that since the beginning."""
        return self._snapshot(self._statistics.settled / max(self._clock() - self._begun, 1e-6), None, None)

    def _recent(self, now: float) -> tuple[float | None, float | None]:
        """Return the share of frames that templates made since RECENT ago, and the ratio; None if there were none."""
        statistics = self._statistics
        while len(self._past) > 1 and self._past[1].when <= now - RECENT:
            self._past.popleft()
        past, methods = self._past[0], statistics.methods
        present = _Past(now, methods.total(), methods["template"], statistics.bytes_in, statistics.bytes_out)
        self._past.append(present)
        made = present.frames - past.frames
        hit_rate = (present.by_template - past.by_template) / made if made else None
        smaller, larger = present.bytes_out - past.bytes_out, present.bytes_in - past.bytes_in
        if self._decoding:
            smaller, larger = larger, smaller
        return hit_rate, larger / smaller if smaller else None

    def _snapshot(self, speed: float, hit_rate: float | None, ratio: float | None) -> Snapshot:
        statistics = self._statistics
        return Snapshot(
            messages=statistics.settled,
            messages_per_second=round(speed, 1),
            bytes_in=statistics.bytes_in,
            bytes_out=statistics.bytes_out,
            ratio=statistics.ratio(self._decoding),
            recent_ratio=ratio,
            hit_rate=statistics.hit_rate,
            recent_hit_rate=hit_rate,
            lag=statistics.lag,
            generations=statistics.generations,
            templates=statistics.templates,
            waiting=statistics.waiting,
            learned=statistics.learned,
            promoted=statistics.promoted,
            store=statistics.store.state,
            store_lost=statistics.store.lost,
            store_damaged=statistics.store.damaged,
            dead_letters=statistics.dead_letters,
            failures=sum(side.failures for side in statistics.sides.values()),
            away=tuple(what for what, side in statistics.sides.items() if side.breaker != "closed"),
            stalls=statistics.stalls,
            lost=statistics.lost,
            rebalances=statistics.rebalances,
        )


class Reporter:
    """Shows the progress of a worker while it runs."""

    def __init__(
        self,
        statistics: Statistics,
        decoding: bool,
        log_format: str,
        console: Console | None = None,
        *,
        live: bool = True,
    ) -> None:
        self._meter = Meter(statistics, decoding)
        self._console = console or Console(file=sys.stderr)
        self._live = live and self._console.is_terminal and log_format == "console"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Report until the block ends, and then once more, unless it failed before anything was done."""
        reporting = asyncio.create_task(self._draw() if self._live else self._log())
        failed = True
        try:
            yield
            failed = False
        finally:
            reporting.cancel()
            with suppress(asyncio.CancelledError):
                await reporting
            total = self._meter.read_total()
            if total.messages or not failed:
                self._say(total, "done: ")

    async def _draw(self) -> None:
        with Live(Text(""), console=self._console, transient=True, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(DRAW_EVERY)
                live.update(Text(str(self._meter.read())), refresh=True)

    async def _log(self) -> None:
        while True:
            await asyncio.sleep(LOG_EVERY)
            self._say(self._meter.read())

    def _say(self, snapshot: Snapshot, what: str = "") -> None:
        log.info("%s%s", what, snapshot, extra={"fields": snapshot.fields()})
