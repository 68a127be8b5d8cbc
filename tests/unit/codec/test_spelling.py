"""Spelling: the fewest bytes of sub-words and literal runs that make a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec import Template
from aura_stream.codec.spelling import Speller
from aura_stream.codec.trie import Trie

WORDS = [b"e", b"er", b"ing", b"st", b"str", b"ring", b"test"]


def _trie() -> Trie:
    return Trie(Template((word,)) for word in WORDS)


@given(st.text("estring", min_size=1, max_size=80).map(str.encode))
def test_pieces_put_together_are_the_word_and_cost_what_is_said(word: bytes) -> None:
    size, pieces = Speller(_trie()).spell(word)
    if pieces is None:
        return
    assert b"".join(WORDS[piece] if isinstance(piece, int) else piece for piece in pieces) == word
    assert size == sum(1 if isinstance(piece, int) else 2 + len(piece) for piece in pieces)
    assert size < len(word) + 2


def test_the_longest_sub_words_win() -> None:
    assert Speller(_trie()).spell(b"testing") == (2, (6, 2))
    assert Speller(_trie()).spell(b"string") == (2, (3, 5))


def test_what_sub_words_cannot_shorten_is_left_to_a_literal_run() -> None:
    assert Speller(_trie()).spell(b"xyz")[1] is None
    assert Speller(Trie()).spell(b"testing")[1] is None


def test_words_of_more_than_64_bytes_are_not_spelled_nor_remembered() -> None:
    speller = Speller(_trie())
    assert speller.spell(b"test" * 16)[1] == (6,) * 16
    assert speller.spell(b"test" * 17)[1] is None
    assert list(speller._known) == [b"test" * 16]


def test_what_was_learned_is_forgotten_when_the_trie_grows() -> None:
    trie = _trie()
    speller = Speller(trie)
    assert speller.spell(b"tester") == (2, (6, 1))
    trie.extend([Template((b"tester",))])
    assert speller.spell(b"tester") == (1, (len(WORDS),))


def test_the_memory_of_words_is_bounded() -> None:
    speller = Speller(_trie(), words=10)
    for number in range(100):
        speller.spell(b"w%d" % number)
        assert len(speller._known) <= 10
