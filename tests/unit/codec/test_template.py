"""Templates: what may be one, and that its bytes name it."""

from __future__ import annotations

import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream import CodebookError
from aura_stream.codec import Template
from aura_stream.codec.slots import ENUM, HEX_LOWER, INT, slot_type
from aura_stream.codec.template import MAX_ENUM, MAX_LITERAL, MAX_SYMBOLS, Symbol
from tests.unit.codec.books import INTEGER, TEMPLATES


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_read_back_from_its_body(template: Template) -> None:
    again = Template.from_body(template.body)
    assert again == template
    assert again.digest == template.digest
    assert len(template.digest) == 16


def test_literals_stand_around_the_slots() -> None:
    template = Template((b"a", b"b", INTEGER, (b"x", b"y"), b"c"))
    assert template.slots == ((2, INTEGER), (3, (b"x", b"y")))
    assert template.literals == (b"ab", b"", b"c")


@pytest.mark.parametrize(
    "symbols",
    [
        (),
        (b"a",) * 65,
        (b"a" * 1001,),
        (b"a" * 500, b"b" * 501),
        (b"",),
        ((b"one",),),
        (tuple(b"%d" % value for value in range(256)),),
        ((b"a", b""),),
        ((b"a" * 500, b"b" * 501),),
        (slot_type(0),),
        (slot_type(ENUM),),
        (slot_type(INT, 1),),
        (slot_type(HEX_LOWER, 256),),
    ],
)
def test_what_passes_a_limit_is_no_template(symbols: tuple[Symbol, ...]) -> None:
    with pytest.raises(CodebookError):
        Template(symbols)


@pytest.mark.parametrize(
    "symbols", [(b"a",) * 64, (b"a" * 1000,), ((b"a", b"b"),), (tuple(b"%d" % n for n in range(255)),)]
)
def test_what_meets_a_limit_is_a_template(symbols: tuple[Symbol, ...]) -> None:
    assert Template.from_body(Template(symbols).body).symbols == symbols


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x91",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 3000 + b"\x01",
        msgpack.packb(b"a"),
        msgpack.packb({}),
        msgpack.packb(["text"]),
        msgpack.packb([None]),
        msgpack.packb([[1]]),
        msgpack.packb([[1, 0, 0]]),
        msgpack.packb([[1, -1]]),
        msgpack.packb([[-1, 0]]),
        msgpack.packb([[256, 0]]),
        msgpack.packb([[1, 1 << 16]]),
        msgpack.packb([[True, 0]]),
        msgpack.packb([[1.0, 0]]),
        msgpack.packb([[ENUM, [b"a", "b"]]]),
        msgpack.packb([[ENUM, 5]]),
        msgpack.packb([[INT, [b"a", b"b"]]]),
        msgpack.packb([b"a"]) + b"\x00",
        b"\x91\xc5\x00\x01a",  # the same bytes in a longer spelling: another digest for an equal template
        b"\xdc\x00\x01\xc4\x01a",
        msgpack.packb([msgpack.ExtType(5, b"x")]),
        msgpack.packb([msgpack.Timestamp(1)]),
    ],
)
def test_what_no_template_makes_is_no_body(body: bytes) -> None:
    with pytest.raises(CodebookError):
        Template.from_body(body)


def test_the_largest_template_is_read_back_and_no_larger_body_is_looked_at() -> None:
    enum = tuple(b"%03x" % number for number in range(MAX_ENUM))
    enum = (*enum[:-1], enum[-1] + b"x" * (MAX_LITERAL - 3 * MAX_ENUM))
    template = Template((enum,) * MAX_SYMBOLS)
    assert Template.from_body(template.body) == template
    with pytest.raises(CodebookError, match="larger than"):
        Template.from_body(b"\xdd\x00\x02\x00\x00" + b"\x90" * (1 << 17))


@given(st.binary(max_size=60))
def test_any_body_is_a_template_or_a_codebook_error(body: bytes) -> None:
    try:
        template = Template.from_body(body)
    except CodebookError:
        return
    assert template.body == body


def test_lists_that_only_say_they_are_long_take_no_memory() -> None:
    body = b"\xdd\x00\x01\xff\xff" * 500 + b"\xc0" * 100_000  # lists of 131,071 items, each in the one before
    tracemalloc.start()
    try:
        with pytest.raises(CodebookError):
            Template.from_body(body)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
