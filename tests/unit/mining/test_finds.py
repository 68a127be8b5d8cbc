"""Finds: what a template saves, and the line that tells of it."""

from __future__ import annotations

from aura_stream.codec import Generation, Template
from aura_stream.mining.finds import Find, judged
from aura_stream.mining.growing import Spelling
from aura_stream.mining.lexed import lexed
from tests.unit.codec.books import INTEGER, template

ORDER = template(b"order ", INTEGER, b" shipped")
SMALL = template(b"order ", INTEGER)


def judge(candidates: list[Template], seen: int, count: int = 20) -> dict[tuple[object, ...], Find]:
    """Judge candidates by messages that an empty generation has to spell out."""
    spelling = Spelling(Generation(), frozenset())
    messages = [lexed(b"order %d shipped" % n, 0) for n in range(count)]
    costs = [spelling.parser.spell(message.texts, message.candidates)[1] for message in messages]
    phrases = [candidate.symbols for candidate in candidates]
    finds = judged(phrases, dict.fromkeys(phrases, seen), spelling, messages, costs)
    return {find.template.symbols: find for find in finds}


def test_a_template_saves_what_its_places_took_before() -> None:
    find = judge([ORDER], 20)[ORDER.symbols]
    assert find.sightings == 20
    assert find.before > 15 * 20
    assert find.after == 2 * 20  # its code and one byte of slot
    assert not find.refused


def test_a_part_of_longer_templates_saves_a_code_at_each_sighting() -> None:
    find = judge([ORDER, SMALL], 20)[SMALL.symbols]
    assert (find.sightings, find.before, find.after) == (20, 40, 20)


def test_what_was_seen_too_seldom_is_refused() -> None:
    assert judge([ORDER], 2, count=2)[ORDER.symbols].refused == "seen too seldom"


def test_what_saves_less_than_it_takes_is_refused() -> None:
    useless = template(b"nobody ever said ", INTEGER, b" of these words in all the time that we listened to them")
    assert judge([useless], 3)[useless.symbols].refused == "saves less than it takes"


def test_the_best_come_first() -> None:
    assert list(judge([SMALL, ORDER], 20)) == [ORDER.symbols, SMALL.symbols]


def test_a_line_of_explanation_is_short_and_names_types_instead_of_values() -> None:
    assert str(Find(ORDER, 3, 30, 6)) == (
        f"promoted: 3 sightings, 240 bits before, 48 after, {8 * len(ORDER.body)} its own size: 'order {{int}} shipped'"
    )
    long = Find(template(b"constantinople " * 30), 3, 30, 6).refuse("seen too seldom")
    assert str(long).startswith("refused (seen too seldom): ")
    assert len(str(long)) < 280
