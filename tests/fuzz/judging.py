"""What a codec makes of damaged frames: a refusal, the same message, another one, or an error that it never should."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aura_stream import CorruptFrameError, DecodeError, HybridCodec
from aura_stream.codec import count_methods
from aura_stream.codec.codebook import RawMode
from tests.fuzz import damage
from tests.fuzz.damage import Damaged
from tests.fuzz.subjects import Subject, codec_of, subjects

_WHOLE = 4096  # bytes: of longer frames some prefixes and flips are taken, of all others every one
_MOST_NAMED = 10  # foreign errors that are described

Row = tuple[int, RawMode, str, str]  # check bytes, raw, method of the undamaged frame, kind of damage


@dataclass(frozen=True, slots=True)
class Work:
    """The subjects `first` to `last` of one setting; `random` cases of each kind that is not exhaustive."""

    check_bytes: int
    raw: RawMode
    first: int
    last: int
    random: int
    seed: int
    longest: int = _WHOLE


@dataclass(slots=True)
class Tally:
    """Cases by row and verdict.

    refused: a DecodeError. same: the undamaged message all the same. wrong: another message, unnoticed.
    turned raw: the damage made it an (unchecked) raw frame. raw: it was one before, so nothing is promised.
    empty: nothing is left of the frame. intact: the damage made another undamaged frame of it.
    """

    cases: Counter[tuple[Row, str]] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in what another process found."""
        self.cases.update(other.cases)
        self.foreign += other.foreign

    def count(self, verdict: str = "", **row: object) -> int:
        """Count the cases of a verdict (all without one) in the rows with these values."""
        names = ("check_bytes", "raw", "method", "kind")
        return sum(
            count
            for (place, found), count in self.cases.items()
            if (not verdict or found == verdict)
            and all(value == place[names.index(name)] for name, value in row.items())
        )


def carry_out(work: Work) -> Tally:
    """Damage the subjects in every way, and judge each case."""
    every = subjects(work.check_bytes, work.raw)
    tally = Tally()
    for place in range(work.first, min(work.last, len(every))):
        subject = every[place]
        family = [each for each in every if each.family == subject.family and each.frame]
        judge = _Judge(work, subject, family, tally)
        rng = random.Random(work.seed * 1_000_003 + place)
        for case in _damaged(subject.frame, [each.frame for each in family], work, rng):
            judge.take(case)
    return tally


def _damaged(frame: bytes, others: Sequence[bytes], work: Work, rng: random.Random) -> Iterator[Damaged]:
    if len(frame) <= work.longest:
        yield from damage.prefixes(frame)
        yield from damage.flips(frame)
    else:
        yield from (("prefix", frame[: rng.randrange(len(frame))], -1) for _ in range(work.longest))
        yield from damage.some_flips(frame, work.longest, rng)
    if frame:
        yield from damage.at_random(frame, others, work.random, rng)


class _Judge:
    """Gives one subject's damaged frames to every entry of the codec."""

    def __init__(self, work: Work, subject: Subject, family: Sequence[Subject], tally: Tally) -> None:
        self._subject = subject
        self._family = family
        self._intact = {each.frame for each in family}
        self._codec = codec_of(subject.family, work.check_bytes, work.raw)
        self._good = min(family, key=lambda each: len(each.frame))
        self._row = (work.check_bytes, work.raw, subject.method)
        self._tally = tally

    def take(self, case: Damaged) -> None:
        """Judge one case."""
        kind, frame, other = case
        try:
            verdict = self._verdict(frame, other)
        except Exception as exc:  # noqa: BLE001  the finding of a fuzzer: anything that is no DecodeError
            verdict = "foreign"
            if len(self._tally.foreign) < _MOST_NAMED:
                self._tally.foreign.append(f"{type(exc).__name__}: {exc}: {self._row} {kind} {frame[:200].hex()}")
        self._tally.cases[(*self._row, kind), verdict] += 1

    def _verdict(self, frame: bytes, other: int) -> str:
        message = decoded(self._codec, frame, (self._good.frame, self._good.message))
        if message is None:
            return "refused"
        if frame in self._intact:
            return "intact"
        if message == self._subject.message or (other >= 0 and message == self._family[other].message):
            return "same"
        if not frame:
            return "empty"
        if self._subject.method == "raw":
            return "raw"
        return "turned raw" if self._codec.peek(frame).method == "raw" else "wrong"


def decoded(codec: HybridCodec, frame: bytes, good: tuple[bytes, bytes]) -> bytes | None:
    """Return what a frame decodes to, None if it is refused; every entry of the codec must say the same.

    `good` is an undamaged frame of the same book, with its message. Raises AssertionError where entries differ.
    """
    try:
        message = codec.decode(frame)
    except DecodeError as exc:
        _assert_refused_too(codec, frame, good, type(exc))
        return None
    info = codec.peek(frame)
    assert info.size == len(frame)
    assert count_methods([frame])[info.method] == 1
    assert codec.decode_batch([good[0], frame]) == [good[1], message]
    return message


def _assert_refused_too(codec: HybridCodec, frame: bytes, good: tuple[bytes, bytes], kind: type[DecodeError]) -> None:
    try:
        codec.decode_batch([good[0], frame])
    except DecodeError as exc:
        refusal = type(exc), exc.index
    else:
        raise AssertionError("decode_batch takes what decode refuses")
    assert refusal == (kind, 1), "decode_batch refuses it in another way"
    try:
        codec.peek(frame)
    except CorruptFrameError:
        if kind is not CorruptFrameError:
            raise AssertionError("peek says that it is corrupt, decode does not") from None
