"""Copies: each is a true repeat of earlier tokens that does not run into itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec.copies import Copies


@given(st.lists(st.sampled_from([b"a", b"b", b"longer", b"longest"]), max_size=60))
def test_every_run_that_is_found_stood_there_before_and_does_not_overlap(texts: list[bytes]) -> None:
    copies = Copies(texts)
    for place in range(len(texts)):
        found = copies.longest(place)
        if found is not None:
            source, count, _ = found
            assert count > 0
            assert source + count <= place
            assert texts[source : source + count] == texts[place : place + count]


def test_a_run_goes_on_being_returned_until_it_is_used_up() -> None:
    texts = [b"a", b"b", b"c", b"d", b"e", b"-", b"a", b"b", b"c", b"d", b"e"]
    copies = Copies(texts)
    found = [copies.longest(place) for place in range(len(texts))]
    assert found[:6] == [None] * 6
    assert found[6:] == [(0, 5, True), (1, 4, False), (2, 3, False), None, None]


def test_one_long_token_is_worth_a_copy_by_itself() -> None:
    texts = [b"a-long-token", b"x", b"a-long-token", b"y", b"x"]
    copies = Copies(texts)
    assert [copies.longest(place) for place in range(5)] == [None, None, (0, 1, True), None, None]


def test_a_period_is_copied_without_overlap() -> None:
    texts = [b"a", b"b", b"c"] * 4
    copies = Copies(texts)
    found = [copies.longest(place) for place in range(12)]
    assert found[3] == (0, 3, True)
    assert all(each is None or each[0] + each[1] <= place for place, each in enumerate(found))


def test_looking_for_copies_is_linear() -> None:
    for texts in ([b"a"] * 8000, [b"a", b"b", b"c"] * 3000, [b"longer"] * 8000):
        compared = 0

        class Counted(bytes):
            def __eq__(self, other: object) -> bool:
                nonlocal compared
                compared += 1
                return bytes.__eq__(self, other)  # type: ignore[no-any-return]

            __hash__ = bytes.__hash__

        copies = Copies([Counted(text) for text in texts])
        for place in range(len(texts)):
            copies.longest(place)
        assert compared < 60 * len(texts)
