"""The parser of a generation follows it as it grows, and no other."""

from __future__ import annotations

from dataclasses import replace

from aura_stream.codec import Generation
from aura_stream.mining.growing import Spelling
from tests.unit.codec.books import BIRTH, TEMPLATES


def test_a_grown_generation_is_followed_and_its_new_templates_are_known() -> None:
    short = Generation(TEMPLATES[:3], b"", BIRTH)
    spelling = Spelling(short, frozenset())
    assert spelling.follows(Generation(TEMPLATES, b"", BIRTH), frozenset())
    assert spelling.parser.trie.size == len(TEMPLATES)


def test_another_generation_is_not_followed() -> None:
    short = Generation(TEMPLATES[:3], b"", BIRTH)
    spelling = Spelling(short, frozenset())
    assert not spelling.follows(replace(short, birth=BIRTH + 1), frozenset())
    assert not spelling.follows(Generation(TEMPLATES[1:], b"", BIRTH), frozenset())
    assert not spelling.follows(short, frozenset({TEMPLATES[0].digest}))
