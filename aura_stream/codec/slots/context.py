"""Slots that depend on what the frame has spelled so far: TIME, REPEAT."""

from __future__ import annotations

from typing import Final

from aura_stream.codec import times
from aura_stream.codec.slots.types import MAX_REPEAT, REPEAT, TIME, Reader, Trail, Writer
from aura_stream.codec.wire import MAX_COMPACT, compact, read_compact, unzigzag, zigzag


def _time_writer(parameter: int) -> Writer:
    form, fraction = parameter >> 4, parameter & 15
    absolute, unit = times.is_absolute(form), times.unit(form, fraction)

    def write(text: bytes, trail: Trail) -> bytes | None:
        value = times.read(form, fraction, text)
        if value is None:
            return None
        distance = zigzag(value - (trail.moment // unit if absolute else times.base(form, fraction, trail.moment)))
        if distance > MAX_COMPACT:
            return None
        if absolute:
            trail.moment = value * unit
        return compact(distance)

    return write


def _time_reader(parameter: int) -> Reader:
    form, fraction = parameter >> 4, parameter & 15
    absolute, unit = times.is_absolute(form), times.unit(form, fraction)

    def read(frame: bytes, at: int, trail: Trail) -> tuple[bytes, int]:
        distance, at = read_compact(frame, at)
        value = unzigzag(distance) + (trail.moment // unit if absolute else times.base(form, fraction, trail.moment))
        text = times.show(form, fraction, value)
        if absolute:
            trail.moment = value * unit
        return text, at

    return read


def _repeat_writer(fixed: int) -> Writer:
    def write_fixed(text: bytes, trail: Trail) -> bytes | None:
        texts = trail.texts
        return b"" if len(texts) >= fixed and texts[-fixed] == text else None

    def write_any(text: bytes, trail: Trail) -> bytes | None:
        texts = trail.texts
        for back in range(1, min(len(texts), MAX_REPEAT) + 1):
            if texts[-back] == text:
                return bytes((back,))
        return None

    return write_fixed if fixed else write_any


def _repeat_reader(fixed: int) -> Reader:
    def read_fixed(_: bytes, at: int, trail: Trail) -> tuple[bytes, int]:
        return trail.texts[-fixed], at

    def read_any(frame: bytes, at: int, trail: Trail) -> tuple[bytes, int]:
        back = frame[at]
        if not back:
            raise ValueError("a repeat of itself")
        return trail.texts[-back], at + 1

    return read_fixed if fixed else read_any


WRITERS: Final = {TIME: _time_writer, REPEAT: _repeat_writer}
READERS: Final = {TIME: _time_reader, REPEAT: _repeat_reader}
