"""Samples of messages: bounded, and fair or recent."""

from __future__ import annotations

from aura_stream.mining.sample import Recent, Reservoir, newest, weight


def test_a_reservoir_is_bounded_fair_and_in_order() -> None:
    reservoir = Reservoir(2000)
    for n in range(5000):
        reservoir.keep(b"%06d" % n + b"x" * (n * 7 % 100))
    kept = reservoir.take()
    numbers = [int(message[:6]) for message in kept]
    assert sum(map(len, kept)) <= 2000
    assert min(numbers) < 4000 < max(numbers)  # not only the last ones
    assert numbers == sorted(numbers)


def test_a_reservoir_that_was_emptied_begins_anew() -> None:
    reservoir = Reservoir(100)
    reservoir.keep(b"one")
    assert reservoir.take() == [b"one"]
    assert reservoir.take() == []


def test_a_message_larger_than_the_reservoir_is_passed_over() -> None:
    reservoir = Reservoir(10)
    reservoir.keep(bytes(11))
    assert reservoir.take() == []


def test_the_oldest_make_room_for_recent_ones() -> None:
    a, b, c, d = (bytes((letter,)) * 50 for letter in b"abcd")
    recent = Recent(150)
    recent.add([a, b])
    recent.add([c, d])
    assert recent.messages == [b, c, d]


def test_the_newest_messages_are_those_that_fit() -> None:
    assert newest([b"a" * 60, b"b" * 40, b"c" * 50], 100) == [b"b" * 40, b"c" * 50]


def test_short_messages_count_for_what_is_kept_about_them() -> None:
    reservoir = Reservoir(2400)
    for _ in range(5000):
        reservoir.keep(b"x")
    assert len(reservoir.take()) == 100
    assert len(newest([b"x"] * 5000, 2400)) == 100


def test_messages_of_many_tokens_count_for_more_than_their_bytes() -> None:
    assert weight(b"an ordinary line of text, with words") == 36
    assert weight(b"?!" * 50) == 150
    assert weight(b"a b c d " * 20) == 240
    assert weight("Grüße ".encode() * 20) == 160
