"""From tokens to symbols."""

from __future__ import annotations

from collections.abc import Sequence

from aura_stream.codec.lexer import lex
from aura_stream.codec.parser import sized
from aura_stream.codec.slots import BASE36, DIGITS, INT, REPEAT, TIME, kind_of, slot_type
from aura_stream.codec.template import Symbol
from aura_stream.mining.lexed import Lexed, private_places
from aura_stream.mining.screen import Screen
from aura_stream.mining.symbols import Contexts


def symbols(messages: Sequence[bytes], with_enums: bool = False) -> list[dict[bytes, Symbol | None]]:
    """Return for each message what each of its tokens became."""
    screen = Screen(5)
    observed = []
    for message in messages:
        texts, candidates = lex(message)
        private = private_places(message, texts, candidates)
        screen.observe(texts, private)
        observed.append(Lexed(texts, sized(texts, candidates, 0), private))
    contexts = Contexts(screen, with_enums)
    for lexed in observed:
        contexts.observe(lexed)
    return [dict(zip(lexed.texts, contexts.symbols(lexed), strict=True)) for lexed in observed]


def kinds(found: Sequence[dict[bytes, Symbol | None]]) -> set[int]:
    return {kind_of(symbol) for each in found for symbol in each.values() if isinstance(symbol, int)}


def test_a_value_that_is_always_the_same_is_a_literal() -> None:
    assert symbols([b"status 500 in %d ms" % n for n in range(20)])[0][b"500"] == b"500"


def test_a_value_that_varies_is_a_slot() -> None:
    found = symbols([b"took %d ms" % (n * n * 7) for n in range(2, 90)])
    assert INT in kinds(found)
    assert all(not isinstance(symbol, bytes) for each in found for text, symbol in each.items() if text.isdigit())


def test_padded_numbers_take_digits() -> None:
    assert kinds(symbols([b"at %03d now" % n for n in range(60)])) == {DIGITS}


def test_times_are_times() -> None:
    assert kinds(symbols([b"[2024-05-15T15:%02d:%02d] x" % (n, n) for n in range(40)])) == {TIME}


def test_a_value_that_repeats_an_earlier_one_is_a_repeat() -> None:
    found = symbols([b'{"id":%d,"again":%d}' % (n * 7919, n * 7919) for n in range(20_000, 20_040)])
    assert REPEAT in kinds(found)


def test_identifiers_of_one_length_take_the_slot_of_that_length() -> None:
    names = [b"id %b ok" % bytes(b"7Q2X9K4W1Z8M"[(n + k * k + n // 12) % 12] for k in range(16)) for n in range(40)]
    found = {symbol for each in symbols(names) for symbol in each.values() if isinstance(symbol, int)}
    assert found == {slot_type(BASE36, 16)}


def test_rare_and_private_words_are_nothing() -> None:
    messages = [b"user anna%s logged in, mail bob@example.org" % (b"x" * n) for n in range(20)]
    for found in symbols(messages):
        assert found[b"bob"] is None
        assert found[b"user"] == b"user"
    assert symbols(messages)[3][b"annaxxx"] is None


def test_enums_hold_what_comes_back() -> None:
    messages = [b"from 10.0.0.%d ok" % (n % 8) for n in range(200)]
    enums = {symbol for each in symbols(messages, with_enums=True) for symbol in each.values() if type(symbol) is tuple}
    assert len(enums) == 1
    assert len(enums.pop()) == 8
    assert not any(type(symbol) is tuple for each in symbols(messages) for symbol in each.values())


def test_an_enum_has_at_least_two_values_and_only_frequent_ones() -> None:
    messages = [b"from 10.0.%d.%d ok" % (n, n) for n in range(100)] + [b"from 10.9.9.9 ok"] * 5
    assert not any(type(symbol) is tuple for each in symbols(messages, with_enums=True) for symbol in each.values())


def test_an_enum_keeps_to_the_limits_of_a_template() -> None:
    messages = [b"from 192.168.100.%d ok" % (100 + n % 90) for n in range(900)]
    assert not any(type(symbol) is tuple for each in symbols(messages, with_enums=True) for symbol in each.values())
