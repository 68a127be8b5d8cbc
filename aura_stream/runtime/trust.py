"""Whether a codebook is the one that frames were made with: what it decoded tells, and nothing else can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aura_stream.errors import BrokenCodecError, DecodeError

CountMethods = Callable[[Sequence[bytes]], Mapping[str, int]]
Convert = Callable[[list[bytes]], list[bytes]]

VOUCHERS: Final = 4
"""Frames in a row that must pass their check before a bad one is that frame's fault: with the wrong codebook one frame
in 256 passes a check of one byte, four in a row once in 2^32. In a row, because of some thousands four always pass."""


@dataclass(frozen=True, slots=True)
class Look:
    """What became of frames that were decoded one by one, and their messages thrown away."""

    vouched: bool  # so many in a row as were asked for
    bad: tuple[int, DecodeError | BrokenCodecError] | None  # the first that gave no message, if any was looked at


class Trust:
    """Trust in a codebook, earned once. `convert` decodes, `count_methods` counts frames by method.

    `witnesses` are frames that the codebook must know, looked at where the others tell too little.
    """

    def __init__(self, convert: Convert, count_methods: CountMethods, witnesses: Sequence[bytes] = ()) -> None:
        self._convert = convert
        self._count_methods = count_methods
        self._witnesses = witnesses
        self._vouchers = 0

    @property
    def earned(self) -> bool:
        """Whether enough frames passed so far."""
        return self._vouchers >= VOUCHERS

    def passed(self, methods: Mapping[str, int]) -> None:
        """Note frames, by method, that passed and were handed on."""
        self._vouchers += _made(methods)

    def made(self, frames: Sequence[bytes]) -> int:
        """Count the frames that only a codebook could have made: any reads raw ones."""
        return _made(self._count_methods(frames))

    def look(self, made: int, behind: Iterable[bytes]) -> Look:
        """Tell whether the frames behind some that were made, and passed, prove the codebook together with them."""
        if self.earned or self._vouchers + made >= VOUCHERS:
            return Look(True, None)
        missing = VOUCHERS - self._vouchers - made
        look = self._in_a_row(behind, missing)
        if look.vouched or (self._witnesses and self._in_a_row(self._witnesses, VOUCHERS).vouched):
            self._vouchers = VOUCHERS  # once is enough, however many bad ones follow
            return Look(True, look.bad)
        return look

    def _in_a_row(self, frames: Iterable[bytes], enough: int) -> Look:
        row, bad = 0, None
        for index, frame in enumerate(frames):
            try:
                self._convert([frame])
            except (DecodeError, BrokenCodecError) as error:
                bad = bad or (index, error)
                row = 0
                continue
            row += self.made([frame])
            if row >= enough:
                return Look(True, bad)
        return Look(False, bad)


def _made(methods: Mapping[str, int]) -> int:
    return sum(count for method, count in methods.items() if method != "raw")
