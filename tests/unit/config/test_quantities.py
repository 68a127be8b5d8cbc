"""Durations and sizes carry a unit, and are written back as they were read."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from aura_stream.config import Duration, Size
from aura_stream.config.quantities import format_duration, format_size, parse_duration, parse_size


class Options(BaseModel):
    wait: Duration = 5.0
    room: Size = 2**20


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5.0), ("1.5 s", 1.5), ("10m", 600.0), ("24h", 86400.0), ("7d", 604800.0)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("1MiB", 2**20), ("512KiB", 2**19), ("2GB", 2 * 10**9), ("7B", 7), ("1.5kB", 1500), (42, 42), ("42", 42)],
)
def test_sizes_are_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", [5, 5.0, "5", "5 parsecs", "-5s", "s", None, True, [], "1e3s"])
def test_a_duration_without_a_known_unit_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a duration"):
        Options.model_validate({"wait": value})


@pytest.mark.parametrize("value", ["5 MeB", "-5MiB", "MiB", None, True, 1.5])
def test_a_size_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a size"):
        Options.model_validate({"room": value})


def test_a_negative_number_of_bytes_is_refused() -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"room": -1})


@pytest.mark.parametrize("seconds", [0.5, 1.0, 5.0, 90.0, 600.0, 86400.0, 0.0])
def test_a_written_duration_reads_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize("size", [0, 1, 1000, 1024, 2**20, 3 * 2**30])
def test_a_written_size_reads_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_a_dumped_model_speaks_the_language_of_the_file() -> None:
    assert Options().model_dump() == {"wait": "5s", "room": "1MiB"}
