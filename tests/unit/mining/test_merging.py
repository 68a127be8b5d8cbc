"""Byte-pair merging."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aura_stream.mining.merging import BREAK, Merging, flatten


class Join:
    """Numbers what is joined from 100 on; refuses beyond `longest`."""

    def __init__(self, longest: int = 1000) -> None:
        self.longest = longest
        self.texts: dict[int, tuple[int, ...]] = {}
        self.numbers: dict[tuple[int, ...], int] = {}

    def text(self, number: int) -> tuple[int, ...]:
        return self.texts.get(number, (number,))

    def __call__(self, left: int, right: int) -> int | None:
        text = self.text(left) + self.text(right)
        if len(text) > self.longest:
            return None
        number = self.numbers.setdefault(text, 100 + len(self.numbers))
        self.texts[number] = text
        return number


def merged(streams: list[list[int]], least: int = 2, longest: int = 1000, most: int = 1000) -> tuple[Join, Merging]:
    join = Join(longest)
    merging = Merging(flatten(streams), join, least)
    merging.run(most)
    return join, merging


def test_the_most_frequent_pair_is_merged_first() -> None:
    join, _ = merged([[1, 2, 3], [1, 2, 4], [1, 2, 3]], most=1)
    assert list(join.texts.values()) == [(1, 2)]


def test_merges_grow_to_whole_streams() -> None:
    join, _ = merged([[1, 2, 3, 4]] * 3)
    assert (1, 2, 3, 4) in join.numbers


def test_runs_of_one_symbol_are_merged_without_overlap() -> None:
    join, merging = merged([[7, 7, 7, 7, 7]] * 2, most=1)
    assert join.texts[100] == (7, 7)
    assert [symbol for symbol in merging.symbols if symbol >= 0] == [100, 100, 7] * 2
    assert merging.merged[100] == 4


def test_one_pair_that_is_too_long_does_not_stop_the_others() -> None:
    join, _ = merged([[1, 2, 3, 9, 5, 6]] * 4 + [[1, 2, 3]] * 4, longest=2)
    assert (5, 6) in join.numbers
    assert all(len(text) <= 2 for text in join.numbers)


def test_nothing_is_merged_across_a_break() -> None:
    join, _ = merged([[1], [2], [1], [2], [1], [2]])
    assert not join.numbers
    broken, _ = merged([[1, BREAK, 2]] * 3)
    assert not broken.numbers


def test_rare_pairs_stay() -> None:
    join, _ = merged([[1, 2]] * 2, least=3)
    assert not join.numbers


def test_a_pair_that_becomes_rare_while_it_waits_is_passed_over() -> None:
    join, _ = merged([[1, 2, 3]] * 3 + [[2, 3]] * 2 + [[1, 2]] * 3, least=3)
    assert (1, 2) in join.numbers


@given(st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=12), st.integers(2, 4))
def test_merging_keeps_every_stream_as_it_was(streams: list[list[int]], least: int) -> None:
    join, merging = merged(streams, least)
    spelled: list[int] = []
    for symbol in merging.symbols:
        if symbol == BREAK:
            spelled.append(BREAK)
        elif symbol >= 0:
            spelled.extend(join.text(symbol))
    assert spelled == flatten(streams)


@given(st.lists(st.lists(st.integers(0, 2), max_size=10), max_size=10))
def test_what_is_left_holds_no_frequent_pair(streams: list[list[int]]) -> None:
    _, merging = merged(streams, least=2)
    left = [symbol for symbol in merging.symbols if symbol >= BREAK]
    pairs: dict[tuple[int, int], int] = {}
    place = 0
    while place < len(left) - 1:
        pair = (left[place], left[place + 1])
        if BREAK not in pair:
            pairs[pair] = pairs.get(pair, 0) + 1
            place += pair[0] == pair[1] and left[place + 2 : place + 3] == [pair[0]]  # x,x,x holds one x,x
        place += 1
    assert all(count < 2 for count in pairs.values())


def test_a_pair_made_anew_after_it_was_refused_is_refused_again() -> None:
    join, _ = merged([[1, 2, 1, 2, 1, 2]] * 3, longest=2)
    assert list(join.texts.values()) == [(1, 2)]
