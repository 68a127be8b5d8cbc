"""The memory of shapes: names are unique, recipes have conditions, and all is bounded."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream import Codebook, DecodeError, HybridCodec
from aura_stream.codec import shapes
from aura_stream.codec.encoder import TemplateEncoder
from aura_stream.codec.generation import Generation
from aura_stream.codec.segments import CopySegment, Segment, SlotSegment
from aura_stream.codec.shapes import MAX_RECIPES, RIVAL, Recipe, ShapeMemory, recipe_for
from aura_stream.codec.slots import HEX_LOWER, TEXT, UUID, slot_type
from tests.unit.codec.books import BIRTH, INTEGER, REPEAT_ANY, TEMPLATES, template

UUID_TEXT = b"123e4567-e89b-12d3-a456-426614174000"


@given(st.lists(st.text("01a\n-\\", max_size=12).map(str.encode), min_size=2, max_size=2))
def test_messages_of_one_name_have_the_same_texts(messages: list[bytes]) -> None:
    first, second = (ShapeMemory.split(message) for message in messages)
    assert b"".join(first) == messages[0]
    assert (ShapeMemory.shape(first) == ShapeMemory.shape(second)) == (first[::2] == second[::2])


@given(st.binary(max_size=60))
def test_no_text_between_runs_holds_a_digit(message: bytes) -> None:
    assert not any(byte in b"0123456789" for text in ShapeMemory.split(message)[::2] for byte in text)


def test_runs_are_digits_long_hex_and_uuids() -> None:
    parts = ShapeMemory.split(b"a1 " + UUID_TEXT + b" deadbeefdeadbeef 12 1a2 deadbeef")
    assert parts[1::2] == [b"1", UUID_TEXT, b"deadbeefdeadbeef", b"12", b"1", b"2"]


def _recipe(segments: list[Segment], message: bytes, texts: list[bytes]) -> Recipe | None:
    assert b"".join(texts) == message
    return recipe_for(segments, ShapeMemory.split(message), texts, [0, *accumulate(map(len, texts))])


def _follow(recipe: Recipe | None, message: bytes) -> bytes | None:
    assert recipe is not None
    return recipe.follow(message, ShapeMemory.split(message), 0)


def test_runs_that_no_slot_covers_are_conditions() -> None:
    recipe = _recipe([b"A", SlotSegment(INTEGER, 1), b"B"], b"a1b22", [b"a", b"1", b"b22"])
    assert _follow(recipe, b"a7b22") == b"A\x07B"
    assert _follow(recipe, b"a7b23") is None
    assert _follow(recipe, b"a07b22") is None


def test_a_slot_takes_the_constant_bytes_around_its_runs_too() -> None:
    text = slot_type(TEXT)
    recipe = _recipe([b"A", SlotSegment(text, 0)], b"ab1cd2e;", [b"ab1cd2e", b";"])
    assert _follow(recipe, b"ab33cd4e;") == b"A\x08ab33cd4e"
    inside = _recipe([b"A", SlotSegment(text, 1)], b"a-bc-1", [b"a-", b"bc", b"-", b"1"])
    assert _follow(inside, b"a-bc-1") == b"A\x02bc"
    assert _follow(inside, b"a-bc-2") is None


def test_a_slot_or_copy_that_begins_inside_a_run_is_not_remembered() -> None:
    hexadecimal = slot_type(HEX_LOWER)
    assert _recipe([SlotSegment(hexadecimal, 1)], b"1234", [b"1", b"234"]) is None
    assert _recipe([b"x", CopySegment(0, 1, 2)], b"1111", [b"11", b"11"]) is None


def test_repeats_beside_copies_or_beside_trimmed_slots_are_not_remembered() -> None:
    texts = [b"12", b" ", b"12", b" ", b"x9"]
    repeat: list[Segment] = [SlotSegment(INTEGER, 0), b"A", SlotSegment(REPEAT_ANY, 2)]
    assert _recipe([*repeat, b"B"], b"12 12 x9", texts) is not None
    assert _recipe([*repeat, CopySegment(1, 3, 4)], b"12 12 x9", texts) is None
    assert _recipe([*repeat, SlotSegment(slot_type(TEXT), 4)], b"12 12 x9", texts) is None


def test_a_repeat_that_stops_repeating_is_no_longer_written() -> None:
    recipe = _recipe([SlotSegment(INTEGER, 0), b"A", SlotSegment(REPEAT_ANY, 2), b"B"], b"12 12", [b"12", b" ", b"12"])
    assert _follow(recipe, b"34 34") == b"\x22A\x01B"
    assert _follow(recipe, b"34 35") is None


def test_a_copy_that_stops_matching_or_overlaps_is_no_longer_written() -> None:
    message, texts = b"ab12 ab12", [b"ab", b"12", b" ", b"ab", b"12"]
    recipe = _recipe([b"A", SlotSegment(INTEGER, 1), b"B", CopySegment(0, 3, 5)], message, texts)
    assert _follow(recipe, b"ab34 ab34") == b"A\x22B\x05\x04"
    assert _follow(recipe, b"ab345 ab345") == b"A\xc0\x99B\x06\x05"
    assert _follow(recipe, b"ab34 ab35") is None
    assert _follow(recipe, b"ab34 ab345") is None
    near = _recipe([b"A", SlotSegment(INTEGER, 0), b"B", CopySegment(0, 1, 2)], b"1122", [b"11", b"22"])
    assert near is None


def test_a_uuid_is_taken_as_one_run() -> None:
    recipe = _recipe([b"A", SlotSegment(slot_type(UUID), 1), b"B"], b"=" + UUID_TEXT + b";", [b"=", UUID_TEXT, b";"])
    assert _follow(recipe, b"=" + UUID_TEXT.replace(b"1", b"f") + b";") is not None
    assert _follow(recipe, b"=12;") is None


def test_a_shape_is_remembered_at_its_second_sight() -> None:
    made = TemplateEncoder(Generation(TEMPLATES, b"", BIRTH))
    for number, known in ((1, 0), (2, 1), (3, 1)):
        made.encode(b"user=%d hello" % number)
        assert len(made.shapes._recipes) == known


def test_a_shape_keeps_its_newest_recipes_first_and_only_a_few() -> None:
    memory = ShapeMemory(1 << 20)
    recipes = [Recipe([], b"%d" % number, [], keeps_texts=False, copies=False) for number in range(6)]
    for recipe in recipes:
        memory.remember(b"shape", recipe)
    memory.remember(b"shape", None)
    assert memory.recipes(b"shape") == recipes[:1:-1] == list(reversed(recipes))[:MAX_RECIPES]
    assert memory.recipes(b"other") is None
    assert memory._size == len(b"shape") + sum(recipe.size for recipe in recipes[2:])


def test_the_memory_of_recipes_is_bounded_in_bytes_and_forgets_the_oldest() -> None:
    memory = ShapeMemory(10_000)
    for number in range(200):
        memory.remember(b"shape %d" % number, RIVAL if number % 2 else Recipe([], b"x" * 100, [], False, False))
        assert memory._size <= 10_000
    assert memory.recipes(b"shape 0") is None
    assert memory.recipes(b"shape 199") == [RIVAL]
    assert memory._size == sum(
        len(shape) + sum(recipe.size for recipe in recipes) for shape, recipes in memory._recipes.items()
    )


def test_a_memory_of_no_bytes_remembers_nothing() -> None:
    memory = ShapeMemory(0)
    memory.remember(b"one", RIVAL)
    assert memory.recipes(b"one") is None


def test_one_shape_larger_than_the_memory_is_kept_alone() -> None:
    memory = ShapeMemory(10)
    memory.remember(b"one", RIVAL)
    memory.remember(b"two", RIVAL)
    assert list(memory._recipes) == [b"two"]


def test_the_memory_of_what_was_seen_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_SEEN_ONCE", 10)
    memory = ShapeMemory(1000)
    for number in range(35):
        assert not memory.is_second_sight(b"%d" % number)
        assert memory.is_second_sight(b"%d" % number)
        assert len(memory._seen) <= 10


def _round_trips(book: Codebook, messages: list[bytes]) -> bool:
    try:
        return HybridCodec(book).decode_batch(HybridCodec(book).encode_batch(messages)) == messages
    except DecodeError:
        return False


def test_a_remembered_parse_used_without_its_conditions_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Codebook(check_bytes=1, generations=(Generation((template(b"HTTP/1.1 ", INTEGER, b" in ", INTEGER),)),))
    messages = [b"HTTP/1.1 %d in %d" % (200 + n, n) for n in range(9)] + [b"HTTP/1.0 404 in 7"]
    assert _round_trips(book, messages)
    follow = Recipe.follow

    def careless(self: Recipe, message: bytes, parts: list[bytes], birth: int) -> bytes | None:
        self.conditions = []
        return follow(self, message, parts, birth)

    monkeypatch.setattr(Recipe, "follow", careless)
    assert not _round_trips(book, messages)
