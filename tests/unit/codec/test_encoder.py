"""The encoder of template frames: the remembered way, the full parse, and the mending of what was refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec import Codebook, Generation, HybridCodec, Template, encoder
from aura_stream.codec.encoder import TemplateEncoder
from aura_stream.codec.shapes import MAX_SHAPE
from aura_stream.codec.slots import REPEAT, slot_type
from aura_stream.codec.wire import compact
from tests.unit.codec.books import ANY_TEXT, BIRTH, INTEGER, REPEAT_ANY, TEMPLATES, by_hand, template


def _word(rng: random.Random, length: int = 6) -> bytes:
    return bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(length))


def _count_mends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    mends: list[int] = []
    original = TemplateEncoder._mend

    def counted(self: TemplateEncoder, *arguments: object) -> object:
        mends.append(1)
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(TemplateEncoder, "_mend", counted)
    return mends


def _assert_round_trip(generation: Generation, message: bytes) -> None:
    is_template, items = TemplateEncoder(generation).encode(message)
    assert is_template
    assert HybridCodec(Codebook(0, "plain", (generation,))).decode(b"\x82" + items) == message


def test_a_repeat_of_what_became_a_literal_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    mends = _count_mends(monkeypatch)
    _assert_round_trip(Generation(TEMPLATES, b"", BIRTH), b"unheard ... unheard, of ... of <other=unheard>")
    assert mends


def test_mending_ends_though_each_mend_causes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    mends = _count_mends(monkeypatch)
    generation = Generation((template(b"<", ANY_TEXT, b"=", REPEAT_ANY, b">"),), b"", BIRTH)
    rng = random.Random(1)
    words = [_word(rng) for _ in range(400)]
    links = b"".join(b"<%b=%b>" % pair for pair in zip(words[1:], words[:-1], strict=True))
    _assert_round_trip(generation, words[0] + b" " + links)
    assert len(mends) == encoder._MAX_MENDS


def test_times_that_refuse_each_other_are_mended_too() -> None:
    generation = Generation(TEMPLATES, b"", BIRTH)
    for message in (
        b"9999-12-31T23:59:59Z 1715785200.123456789 2024-05-15T15:00:00.123456789Z 0001-01-01T00:00:00Z ",
        b"0001-01-01 2024-05-15T15:00:00.123456789Z 9999-12-31 1715785200123456789 ",
    ):
        for count in (1, 7, 60):
            _assert_round_trip(generation, message * count)


def test_messages_longer_than_shapes_are_parsed_each_time() -> None:
    made = TemplateEncoder(Generation(TEMPLATES, b"", BIRTH))
    message = b"hello world 12 " * (MAX_SHAPE // 10)
    assert made.encode(message) == made.encode(message) == made.encode(message)
    assert made.shapes._seen == set()


def test_the_rival_wins_where_it_is_shorter_and_is_remembered() -> None:
    calls: list[bytes] = []

    def rival(message: bytes) -> bytes:
        calls.append(message)
        return b"!"

    made = TemplateEncoder(Generation(TEMPLATES, b"", BIRTH), rival)
    for number in range(4):
        assert made.encode(b"hello 1%d" % number) == (False, b"!")
    assert len(calls) == 4
    assert made.encode(b"hello world hello " * 400) == (False, b"!")
    made.rival = lambda message: message * 2
    assert made.encode(b"user=1 hello")[0]


def test_it_tells_what_it_remembers() -> None:
    codec = HybridCodec(by_hand(0), "batched")
    assert not HybridCodec(Codebook()).remembers(b"took 1.50 ms hello")
    codec.encode_batch([b"took 1.50 ms hello"] * 2)
    assert codec.remembers(b"took 22.75 ms hello")
    assert not codec.remembers(b"took 022.75 ms hello")
    assert not codec.remembers(b"took 22.75 ms hallo")


def test_new_templates_are_used_in_shapes_not_seen_before() -> None:
    first = Template((b"user", b"=", INTEGER))
    made = TemplateEncoder(Generation((first,)))
    assert made.encode(b"user=5") == (True, b"\x00\x05")
    made.adopt(Generation((first, Template((b"name", b"=", INTEGER)))))
    assert made.encode(b"name=5") == (True, b"\x01\x05")


def test_new_templates_are_used_in_shapes_that_are_remembered() -> None:
    """Traffic repeats its shapes: whoever remembered them would never use what is learned from them."""
    first = Template((b"user", b"=", INTEGER))
    made = TemplateEncoder(Generation((first,)))
    before = [made.encode(b"user=%d" % number) for number in range(5)][-1]
    made.adopt(Generation((first, Template((b"user", b"=", b"7")))))
    assert before == (True, b"\x00\x04")
    assert made.encode(b"user=7") == (True, b"\x01")
    assert made.encode(b"user=5") == (True, b"\x00\x05")


def test_what_is_spelled_from_memory_is_what_a_fresh_encoder_decodes() -> None:
    codec = HybridCodec(by_hand(0), "batched")
    for number in (1, 22, 4444, 10**18):
        message = b"user=%d id=123e4567-e89b-12d3-a456-426614174000 hello" % number
        assert codec.encode(message) == HybridCodec(by_hand(0), "batched").encode(message)


REPEATING = (
    template(b"from ", INTEGER, b" to ", slot_type(REPEAT, 1), b";"),
    template(b"from ", INTEGER, b" to ", INTEGER, b";"),
    template(b"by ", INTEGER, b" "),
)


def test_a_repeat_of_a_fixed_distance_takes_nothing() -> None:
    made = TemplateEncoder(Generation(REPEATING))
    assert made.encode(b"from 4711 to 4711;") == (True, b"\x00" + compact(4711))


@given(st.lists(st.sampled_from([b"from %d to %d;", b"by %d ", b"%d"]), max_size=6), st.data())
def test_a_fixed_repeat_is_taken_only_where_that_slot_says_the_same(shapes: list[bytes], data: st.DataObject) -> None:
    """A text that came before may stand in another slot: writing finds out, and the parse is mended."""
    numbers = st.sampled_from([0, 191, 1234, 1235])
    message = b"".join(shape % tuple(data.draw(numbers) for _ in range(shape.count(b"%d"))) for shape in shapes)
    book = Codebook(generations=(Generation(REPEATING),))
    codec = HybridCodec(book, "batched")
    for _ in range(3):
        assert codec.decode(codec.encode(message)) == message
