"""Samples: every slot type there is, in every generation, and damage is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aura_stream.app import sampling
from aura_stream.app.sampling import decode_samples
from aura_stream.codec import Codebook, Generation, HybridCodec, Template
from aura_stream.codec.slots import REPEAT, TEXT, TIME, is_valid, slot_type

DICTIONARY = b"this text stands in for what zstd's trainer makes " * 8
SLOTS = [
    slot_type(kind, parameter)
    for kind in range(1, 14)
    for parameter in range(400)
    if is_valid(slot_type(kind, parameter))
]
TEMPLATES = (
    *(Template((slot,)) for slot in SLOTS),
    Template((b"a", (b"red", b"green"), slot_type(TEXT), slot_type(REPEAT, 3), slot_type(REPEAT, 1))),
)


@pytest.mark.parametrize("birth", [0, 1_700_000_000])
@pytest.mark.parametrize("check_bytes", [0, 4])
def test_a_message_for_every_kind_of_slot_comes_back(birth: int, check_bytes: int) -> None:
    book = Codebook(check_bytes, "marked", (Generation(TEMPLATES, DICTIONARY, birth),))
    (sampled,) = decode_samples(book)
    assert (sampled.templates, sampled.failed) == (len(TEMPLATES), [])
    assert sampled.messages == 2 * len(TEMPLATES) + 1


def test_a_birth_beyond_all_calendars_leaves_its_times_out() -> None:
    (sampled,) = decode_samples(Codebook(generations=(Generation(TEMPLATES, b"", (1 << 40) - 1),)))
    assert sampled.failed == []
    assert len([slot for slot in SLOTS if slot >> 16 == TIME]) > len(TEMPLATES) - sampled.templates > 0


def test_generations_beyond_the_one_byte_markers_are_sampled_too() -> None:
    book = Codebook(generations=tuple(Generation((Template((b"word%d" % n,)),)) for n in range(40)))
    assert [each.failed for each in decode_samples(book)] == [[]] * 40


def test_what_does_not_come_back_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if readers had another book: one template differs."""
    book = Codebook(generations=(Generation((Template((b"first",)), Template((b"second",)), Template((b"third",)))),))
    wrong = replace(book, generations=(Generation((Template((b"first",)), Template((b"SECOND",)))),))
    right = HybridCodec
    books = iter([wrong, book])
    monkeypatch.setattr(sampling, "HybridCodec", lambda _: right(next(books)))
    (sampled,) = decode_samples(book)
    assert list(sampled.failed)[:2] == ["template 0-1", "template 0-2"]
