"""Sub-words."""

from __future__ import annotations

from aura_stream.mining.subwords import subwords


def test_common_pieces_of_words_are_found() -> None:
    words = {b"reading": (1, 2), b"writing": (3, 4), b"waiting": (5,), b"loading": (6,), b"ending": (7,)}
    assert b"ing" in subwords(words, 5)


def test_a_piece_must_stand_in_enough_distinct_messages() -> None:
    words = {b"ping": (1,), b"wing": (1,), b"sting": (1,), b"zing": (2,), b"king": (2,)}
    assert b"ing" not in subwords(words, 3)
    assert b"ing" in subwords(words, 2)


def test_single_characters_come_along() -> None:
    assert b"q" in subwords({b"q": (1, 2)}, 2)


def test_pieces_stay_short() -> None:
    word = b"supercalifragilistic"
    assert max(map(len, subwords({word: tuple(range(9))}, 2))) <= 12


def test_pieces_already_known_are_numbered_once() -> None:
    pieces = subwords({b"aaaaaaaa": tuple(range(8)), b"aaa": tuple(range(8)), b"baa": tuple(range(8))}, 2)
    assert len(pieces) == len(set(pieces))


def test_overlong_words_are_left_out() -> None:
    assert not any(b"xx" in piece for piece in subwords({b"x" * 41: (1, 2, 3)}, 2))
