"""Parsing: the cheapest way through, in a bounded number of steps."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.codec import Template
from aura_stream.codec.lexer import lex
from aura_stream.codec.parser import (
    MAX_STEPS,
    BareSlot,
    Copy,
    Item,
    LiteralRun,
    Parser,
    Spelled,
    TemplateUse,
    sized,
)
from aura_stream.codec.segments import segments_of, write
from aura_stream.codec.slots import REPEAT, TEXT, TIME, kind_of
from aura_stream.codec.trie import Trie
from tests.property.messages import FRAGMENTS
from tests.unit.codec.books import ANY_TEXT, BIRTH, INTEGER, REPEAT_ANY, TEMPLATES, template

NO_REPEATS = [(place, REPEAT) for place in range(1000)]


def _parse(message: bytes, *templates: Template) -> list[Item]:
    texts, candidates = lex(message)
    return Parser(Trie(templates), BIRTH).parse(texts, candidates)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10).map(b"".join))
def test_items_follow_each_other_from_the_first_token_to_the_last(message: bytes) -> None:
    texts, candidates = lex(message)
    items = Parser(Trie(TEMPLATES), BIRTH).parse(texts, candidates)
    assert [item.first for item in items] == [0, *(item.last for item in items)][: len(items)]
    assert (items[-1].last if items else 0) == len(texts)


@pytest.mark.parametrize("message", [b"", b"x", b"hello"])
def test_the_smallest_messages_are_parsed(message: bytes) -> None:
    assert sum(item.last - item.first for item in _parse(message)) == len(lex(message)[0])


def test_each_kind_of_item_is_used_where_it_is_cheapest() -> None:
    assert _parse(b"user=42", template(b"user=", INTEGER)) == [TemplateUse(0, 3, 0)]
    assert _parse(b"!?", template(b"x")) == [LiteralRun(0, 2)]
    assert _parse(b"1715785200") == [BareSlot(0, 1, _parse(b"1715785200")[0].slot)]  # type: ignore[union-attr]
    assert _parse(b"testing", template(b"test"), template(b"ing")) == [Spelled(0, 1, (0, 1))]
    assert _parse(b"!?&%$;:!?&%$;:") == [LiteralRun(0, 7), Copy(7, 14, 7)]


def test_an_enum_is_walked_by_the_value_that_stands_there() -> None:
    get = Template(((b"GET", b"POST"), b" ", b"/"))
    assert _parse(b"POST /", get) == [TemplateUse(0, 3, 0)]
    assert not any(isinstance(item, TemplateUse) for item in _parse(b"HEAD /", get))


def test_a_longer_template_is_taken_before_shorter_ones() -> None:
    assert _parse(b"a b c", template(b"a"), template(b" "), template(b"a b c")) == [TemplateUse(0, 5, 2)]


def test_what_is_barred_is_not_taken() -> None:
    texts, candidates = lex(b"word 2024-05-15T15:00:00 word")
    every = {(place, kind) for place in range(len(texts)) for kind in (REPEAT, TIME)}
    found = sized(texts, candidates, BIRTH * 10**9, every)
    assert [kind_of(slot) for slot, _ in found[2]] == [TEXT]
    assert REPEAT not in {kind_of(slot) for slot, _ in found[4]}
    assert REPEAT in {kind_of(slot) for slot, _ in sized(texts, candidates, BIRTH * 10**9)[4]}


def test_a_time_too_far_away_for_its_unit_has_no_time_slot() -> None:
    texts, candidates = lex(b"9999-12-31T00:00:00.000000000")
    assert TIME not in {kind_of(slot) for slot, _ in sized(texts, candidates, BIRTH * 10**9)[0]}


def test_items_are_moved_with_all_that_they_hold() -> None:
    assert Copy(1, 2, 3).moved(5) == Copy(6, 7, 3)
    assert TemplateUse(0, 1, 9).moved(1) == TemplateUse(1, 2, 9)


class _CountedNode(dict[Any, Any]):
    """A node that counts how often the walk looks for a literal behind it."""

    steps = 0

    def get(self, key: Any, default: Any = None) -> Any:
        _CountedNode.steps += isinstance(key, bytes)
        return super().get(key, default)


def _counted(node: dict[Any, Any]) -> _CountedNode:
    return _CountedNode({key: _counted(child) if isinstance(child, dict) else child for key, child in node.items()})


@pytest.mark.parametrize("count", [10, 1000])
def test_the_steps_at_a_token_are_bounded_whatever_the_templates(count: int) -> None:
    rng = random.Random(count)
    symbols = (INTEGER, ANY_TEXT, REPEAT_ANY, b"a", b"b", b" ", b"1", b"22")
    templates = [Template(tuple(rng.choices(symbols, k=64))) for _ in range(count)]
    templates += [Template((ANY_TEXT,) * size) for size in range(1, 65)]
    parser = Parser(Trie(templates), BIRTH)
    parser.trie.root = _counted(parser.trie.root)
    message = b"a b 22 1 aaa bbb 22 1 " * 60
    texts, candidates = lex(message)
    _CountedNode.steps = 0
    items = parser.parse(texts, candidates)
    assert items[-1].last == len(texts)
    assert 0 < _CountedNode.steps <= MAX_STEPS * len(texts)


def _size_of(items: list[Item], texts: list[bytes], templates: list[Template]) -> int:
    starts = [0, *accumulate(map(len, texts))]
    written, refused = write(segments_of(items, texts, templates), texts, starts, BIRTH * 10**9)
    assert not refused
    return len(written)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([b"a", b"b", b"-", b"hello", b"12", b" "]), min_size=1, max_size=7).map(b"".join))
def test_no_other_division_into_templates_and_literals_is_shorter(message: bytes) -> None:
    templates = [template(b"a-"), template(b"hello", b" "), template(b"-", INTEGER), template(b"b")]
    texts, candidates = lex(message)
    found = Parser(Trie(templates), BIRTH).parse(texts, candidates, NO_REPEATS)
    best = [0, *[1 << 30] * len(texts)]
    for end in range(1, len(texts) + 1):
        for start in range(end):
            best[end] = min(best[end], best[start] + 2 + sum(map(len, texts[start:end])))
            for symbols in (each.symbols for each in templates):
                if len(symbols) == end - start:
                    fits = all(
                        text == symbol or (symbol == INTEGER and any(slot == INTEGER for slot, _ in found_here))
                        for text, symbol, found_here in zip(
                            texts[start:end], symbols, candidates[start:end], strict=True
                        )
                    )
                    if fits:
                        sizes = [
                            dict(candidates[start + at])[INTEGER] for at, each in enumerate(symbols) if each == INTEGER
                        ]
                        best[end] = min(best[end], best[start] + 1 + sum(sizes))
    assert _size_of(found, texts, templates) <= best[-1]
