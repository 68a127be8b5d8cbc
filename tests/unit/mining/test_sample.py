"""Samples of messages: bounded, and fair or recent."""

from __future__ import annotations

from aura_stream.mining.sample import Recent, Reservoir, newest


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
    recent = Recent(6)
    recent.add([b"aa", b"bb"])
    recent.add([b"cc", b"dd"])
    assert recent.messages == [b"bb", b"cc", b"dd"]


def test_the_newest_messages_are_those_that_fit() -> None:
    assert newest([b"aaa", b"b", b"cc"], 3) == [b"b", b"cc"]
    assert newest([b"aaa"], 2) == []
    assert newest([], 2) == []
