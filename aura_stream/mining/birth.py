"""The birth time of a generation: about when its training messages were written, by what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aura_stream.codec import times
from aura_stream.codec.lexer import Candidate
from aura_stream.codec.slots import TIME, kind_of, parameter_of

_QUANTILE: Final = 0.95  # late, but not led astray by a few dates in the future
_SECOND: Final = 10**9


def birth_of(messages: Sequence[tuple[Sequence[bytes], Sequence[tuple[Candidate, ...]]]]) -> int:
    """Return the birth time in seconds since the epoch; 0 if no message holds a time."""
    moments = sorted(moment for texts, candidates in messages if (moment := _first_moment(texts, candidates)))
    return moments[int(_QUANTILE * (len(moments) - 1))] if moments else 0


def _first_moment(texts: Sequence[bytes], candidates: Sequence[tuple[Candidate, ...]]) -> int | None:
    for text, found in zip(texts, candidates, strict=True):
        for slot, _ in found:
            if kind_of(slot) == TIME:
                form, fraction = parameter_of(slot) >> 4, parameter_of(slot) & 15
                value = times.read(form, fraction, text)
                if value is not None and (times.is_absolute(form) or form != times.CLOCK):
                    return value * times.unit(form, fraction) // _SECOND
    return None
