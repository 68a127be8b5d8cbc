"""The templates of a book: listed in order, found by number and by digest."""

from __future__ import annotations

import pytest

from aura_stream.app.templates import Entry, entries_of, find_entry, since_generation
from aura_stream.codec import Codebook, Generation, Template
from aura_stream.codec.slots import INT, slot_type

FIRST, SECOND, THIRD = Template((b"one ", slot_type(INT))), Template((b"two",)), Template((b"three",))
BOOK = Codebook(generations=(Generation((FIRST, SECOND)), Generation((SECOND, THIRD)))).without([THIRD.digest])


def test_templates_are_listed_by_generation_and_number() -> None:
    listed = [(each.generation, each.number, each.template, each.retired) for each in entries_of(BOOK)]
    assert listed == [(0, 0, FIRST, False), (0, 1, SECOND, False), (1, 0, SECOND, False), (1, 1, THIRD, True)]
    assert [each.template for each in entries_of(BOOK, 0)] == [FIRST, SECOND]
    assert next(entries_of(BOOK)).literal_bytes == 4
    assert list(entries_of(Codebook())) == []


@pytest.mark.parametrize(
    ("name", "generation", "place"),
    [
        ("0", None, (1, 0)),
        ("0", 0, (0, 0)),
        (SECOND.digest.hex()[:8], None, (1, 0)),
        (SECOND.digest.hex().upper(), 0, (0, 1)),
        (FIRST.digest.hex()[:12], None, (0, 0)),
    ],
)
def test_a_template_is_found(name: str, generation: int | None, place: tuple[int, int]) -> None:
    entry = find_entry(BOOK, name, generation)
    assert (entry.generation, entry.number) == place


@pytest.mark.parametrize(
    ("name", "generation", "problem"),
    [
        ("2", None, "numbers end at 1"),
        ("0", 2, "no generation 2: the newest is 1"),
        ("ffffffff", None, "no template"),
        ("abc", None, "neither a number nor"),
        ("-1", None, "neither a number nor"),
        (FIRST.digest.hex() + "00", None, "neither a number nor"),
        (THIRD.digest.hex(), 0, "no template"),
        ("\N{ARABIC-INDIC DIGIT ONE}", None, "neither a number nor"),
    ],
)
def test_what_is_not_there_is_said(name: str, generation: int | None, problem: str) -> None:
    with pytest.raises(LookupError, match=problem):
        find_entry(BOOK, name, generation)


def test_nothing_is_found_in_an_empty_book() -> None:
    with pytest.raises(LookupError, match="no template yet"):
        find_entry(Codebook(), "0")
    with pytest.raises(LookupError, match="holds none yet"):
        list(entries_of(Codebook(), 0))


def test_a_digest_that_two_templates_begin_with_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Entry, "digest", property(lambda entry: "abcdef01" + entry.template.digest.hex()[:8]))
    with pytest.raises(LookupError, match="3 templates, name more digits"):
        find_entry(BOOK, "abcdef01")
    assert find_entry(BOOK, "abcdef01" + FIRST.digest.hex()[:8]).template == FIRST


def test_a_template_stands_in_a_book_since_a_generation() -> None:
    assert [since_generation(BOOK, each) for each in (FIRST, SECOND, THIRD)] == [0, 0, 1]
