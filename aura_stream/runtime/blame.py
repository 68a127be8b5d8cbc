"""Whose fault it is that a batch cannot be transformed: one message's, the codebook's, or the codec's own."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

from aura_stream.errors import BrokenCodecError, DecodeError

Convert = Callable[[list[bytes]], list[bytes]]


def blaming(convert: Convert) -> Convert:
    """Return the same conversion, which names one message where the codec fails as it never should.

    A defect that one message uncovers must not take its neighbours along.
    """

    def converted(values: list[bytes]) -> list[bytes]:
        try:
            return convert(values)
        except DecodeError:
            raise
        except Exception:  # whatever a defect raises; it is named, and told with its message's place
            _name_one(convert, values)
            raise

    return converted


def _name_one(convert: Convert, values: Sequence[bytes]) -> None:
    """Raise BrokenCodecError for the first message at which the codec fails alone, if there is one."""
    for index, value in enumerate(values):
        try:
            convert([value])
        except DecodeError as error:
            error.index = index
            raise
        except Exception as error:  # the same defect again
            raise BrokenCodecError(f"the codec failed with {_described(error)}", index) from error


def _described(error: Exception) -> str:
    """Name an exception and its place; its text may hold a piece of the message."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {frame.name}, line {frame.lineno}"
