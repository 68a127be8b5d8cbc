"""Narrower slots: repeats, tables and types that hold what a slot held in fewer bytes."""

from __future__ import annotations

from aura_stream.codec import Generation, Template
from aura_stream.codec.slots import DIGITS, IPV4, REPEAT, TIME, kind_of, slot_type
from aura_stream.codec.template import Symbol
from aura_stream.mining.growing import Spelling
from aura_stream.mining.lexed import lexed
from aura_stream.mining.phrases import Phrase
from aura_stream.mining.refining import refined
from aura_stream.mining.screen import Screen
from tests.unit.codec.books import INTEGER, REPEAT_ANY, template


def refine(messages: list[bytes], *parts: Symbol) -> list[Phrase]:
    """Return the templates that messages ask for which one template spells."""
    spelling = Spelling(Generation((template(*parts),)), frozenset())
    screen = Screen(5)
    observed = [lexed(message, 0) for message in messages]
    for tokens in observed:
        screen.observe(tokens.texts, tokens.private)
    items = [spelling.parser.spell(tokens.texts, tokens.candidates)[0] for tokens in observed]
    return refined(spelling.generation.templates, observed, items, screen)


def slots(phrases: list[Phrase]) -> list[object]:
    return [symbol for phrase in phrases for symbol in phrase if not isinstance(symbol, bytes)]


def test_a_slot_that_says_what_an_earlier_one_said_becomes_a_repeat() -> None:
    messages = [b"from 10.0.%d.%d via %d to 10.0.%d.%d" % (n, n, 700 + n, n, n) for n in range(20)]
    address = slot_type(IPV4)
    assert slots(refine(messages, b"from ", address, b" via ", INTEGER, b" to ", address)) == [
        address, INTEGER, slot_type(REPEAT, 2),
    ]  # fmt: skip


def test_a_slot_of_a_few_widespread_values_becomes_a_table() -> None:
    messages = [b"port %d open" % (4000, 50000, 60000)[n % 3] for n in range(30)]
    (table,) = slots(refine(messages, b"port ", INTEGER, b" open"))
    assert isinstance(table, tuple)
    assert set(table) == {b"4000", b"50000", b"60000"}


def test_a_value_in_too_few_messages_is_no_part_of_a_table() -> None:
    messages = [b"port %d open" % (9000 if n == 7 else 50000) for n in range(30)]
    assert not any(isinstance(slot, tuple) for slot in slots(refine(messages, b"port ", INTEGER, b" open")))


def test_a_slot_takes_the_type_that_holds_its_values_in_fewest_bytes() -> None:
    messages = [b"code %d done" % (9000 + 37 * n) for n in range(20)]
    (slot,) = slots(refine(messages, b"code ", INTEGER, b" done"))
    assert isinstance(slot, int)
    assert kind_of(slot) == DIGITS


def test_times_are_left_alone() -> None:
    messages = [b"at 2024-05-15T15:00:%02dZ ok" % n for n in range(20)]
    time = next(slot for slot, _ in lexed(messages[0], 0).candidates[2] if kind_of(slot) == TIME)
    assert refine(messages, b"at ", time, b"Z ok") == []


def test_few_uses_say_nothing() -> None:
    assert refine([b"port %d open" % 50000] * 7, b"port ", INTEGER, b" open") == []


def test_only_so_many_uses_are_looked_at() -> None:
    messages = [b"port %d open" % (40000 + n % 2) for n in range(256)] + [b"port %d open" % n for n in range(30)]
    assert refine(messages, b"port ", INTEGER, b" open")
    assert not refine(messages[::-1], b"port ", INTEGER, b" open")


def test_refined_templates_are_templates() -> None:
    messages = [b"from %d to %d" % (900 + n, 900 + n) for n in range(20)]
    for phrase in refine(messages, b"from ", INTEGER, b" to ", INTEGER):
        assert Template(phrase).symbols == phrase


def test_a_slot_that_is_a_table_or_a_repeat_already_counts_a_byte() -> None:
    messages = [b"port %d of %d open" % (40000 + n % 2, 40000 + n % 2) for n in range(30)]
    table = (b"40000", b"40001")
    assert slots(refine(messages, b"port ", table, b" of ", REPEAT_ANY, b" open")) == [table, slot_type(REPEAT, 1)]
