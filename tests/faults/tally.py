"""What a run comes to: pure counting, message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tests.faults.payloads import Traffic
from tests.faults.plan import Verdict

EXAMPLES = 12


class Tally:
    """Counts what arrived against what was acknowledged, lane by lane."""

    def __init__(self, traffic: Traffic, lengths: Sequence[int]) -> None:
        self._traffic = traffic
        self._lengths = lengths
        self._copies = [bytearray(length) for length in lengths]  # how often each message arrived, 255 at most
        self._dead = [bytearray(length) for length in lengths]
        self._newest = [-1] * len(lengths)
        self._counts: dict[str, int] = {}
        self._examples: list[str] = []

    def output(self, which: tuple[int, int] | None, value: bytes | None, faithful: bool) -> None:
        """Count a message of the output. `value`: what it decodes to, None where that raises."""
        self._count("arrived")
        if which is None or not self._was_sent(*which):
            self._note("unknown", which)
            return
        lane, number = which
        if value is None:
            self._note("undecodable", which)
            return
        if value != self._traffic.payload(lane, number):
            self._note("wrong", which)
            return
        if not faithful:
            self._note("unfaithful", which)
        self._place(lane, number)

    def _place(self, lane: int, number: int) -> None:
        copies = self._copies[lane]
        if copies[number]:
            self._count("duplicated")
        elif number < self._newest[lane]:
            self._note("reordered", (lane, number))
        else:
            self._newest[lane] = number
        copies[number] = min(copies[number] + 1, 255)

    def dead_letter(self, which: tuple[int, int] | None, original: bool, explained: bool) -> None:
        """Count a dead letter. `original`: its bytes are those that were sent."""
        if which is None or not self._was_sent(*which):
            self._note("unknown", which)
        elif not original:
            self._note("wrong", which)
        else:
            self._dead[which[0]][which[1]] = 1
            if not explained:
                self._note("unexplained", which)

    def verdict(self) -> Verdict:
        """Return what it comes to."""
        rows = list(zip(self._copies, self._dead, strict=True))
        for lane, (copies, dead) in enumerate(rows):
            for number in _where(copies, dead, lambda out, letter: not out and not letter):
                self._note("lost", (lane, number))
            for number in _where(copies, dead, lambda out, letter: bool(out and letter)):
                self._note("both", (lane, number))
        self._counts["sent"] = sum(self._lengths)
        self._counts["moved"] = sum(len(copies) - copies.count(0) for copies in self._copies)
        self._counts["dead"] = sum(map(sum, self._dead))
        return Verdict(**self._counts, examples=self._examples)

    def _was_sent(self, lane: int, number: int) -> bool:
        return lane < len(self._lengths) and number < self._lengths[lane]

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _note(self, what: str, which: tuple[int, int] | None) -> None:
        self._count(what)
        if len(self._examples) < EXAMPLES:
            self._examples.append(f"{what} {which[0]}:{which[1]}" if which else f"{what} without a name")


def _where(copies: bytearray, dead: bytearray, wanted: Callable[[int, int], bool]) -> Iterable[int]:
    return (number for number, pair in enumerate(zip(copies, dead, strict=True)) if wanted(*pair))
