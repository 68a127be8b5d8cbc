"""Bodies of entries: read back, or refused."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec import Generation, Template
from aura_stream.codec.general import Zstd
from aura_stream.errors import CodebookError
from aura_stream.store import bodies
from aura_stream.store.bodies import Namespace, NewerFormatError, pack_opening, unpack_digests, unpack_opening
from aura_stream.store.entry import MAX_ENTRY
from tests.unit.codec.books import BIRTH, DICTIONARY, TEMPLATES

ORDERS = Namespace("orders", 2, "marked", "id")


def test_a_namespace_is_read_as_it_was_written() -> None:
    assert Namespace.from_body(ORDERS.to_body()) == ORDERS


@pytest.mark.parametrize(
    "items",
    [
        {},
        [],
        [1],
        [1, "orders", "id", 1],
        [1, "", "id", 1, "plain"],
        [1, "orders", "", 1, "plain"],
        [1, b"orders", "id", 1, "plain"],
        [1, "o" * 256, "id", 1, "plain"],
        [1, "orders", "id", 3, "plain"],
        [1, "orders", "id", True, "plain"],
        [1, "orders", "id", 1, "other"],
        [1, "orders", "id", 1, ["plain"]],
    ],
    ids=str,
)
def test_what_is_no_namespace_is_refused(items: Any) -> None:
    with pytest.raises(CodebookError) as caught:
        Namespace.from_body(msgpack.packb(items))
    assert not isinstance(caught.value, NewerFormatError)


def test_a_namespace_of_a_later_format_is_no_damage() -> None:
    with pytest.raises(NewerFormatError, match="format 2 is not known here"):
        Namespace.from_body(msgpack.packb([2, "orders", "and", "more", "of", "it"][:5]))


@pytest.mark.parametrize(
    "generation",
    [
        Generation(),
        Generation(TEMPLATES, DICTIONARY, BIRTH),
        Generation((), DICTIONARY),
        Generation(TEMPLATES[:1]),
    ],
)
def test_an_opening_is_read_as_it_was_written(generation: Generation) -> None:
    body, count = pack_opening(generation)
    assert count == len(generation.templates)
    assert unpack_opening(body, {}) == generation


def test_templates_that_do_not_fit_are_left_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_OPENING", 200)
    body, count = pack_opening(Generation(TEMPLATES, b"", BIRTH))
    assert len(body) <= 200
    assert 0 < count < len(TEMPLATES)
    assert unpack_opening(body, {}) == Generation(TEMPLATES[:count], b"", BIRTH)


def test_no_more_templates_are_tried_than_could_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PLENTY", sum(len(template.body) for template in TEMPLATES[:5]))
    assert pack_opening(Generation(TEMPLATES))[1] == 5


def test_a_dictionary_may_take_all_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_OPENING", 10)
    body, count = pack_opening(Generation(TEMPLATES, DICTIONARY))
    assert count == 0
    assert unpack_opening(body, {}) == Generation((), DICTIONARY)


def test_a_dictionary_that_no_entry_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_OPENING", 10)
    monkeypatch.setattr(bodies, "MAX_ENTRY", 1040)
    with pytest.raises(CodebookError, match="too large"):
        pack_opening(Generation(TEMPLATES, DICTIONARY))


def test_equal_templates_are_one_object() -> None:
    interned: dict[bytes, Template] = {}
    body, _ = pack_opening(Generation(TEMPLATES))
    first, second = (unpack_opening(body, interned) for _ in range(2))
    assert all(a is b for a, b in zip(first.templates, second.templates, strict=True))


def _packed(value: Any) -> bytes:
    return Zstd().compress(msgpack.packb(value))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no frame",
        _packed([]),
        _packed(7),
        _packed([0, b""]),
        _packed([0, "", []]),
        _packed([0, b"", {}]),
        _packed([0, b"", [7]]),
        _packed([0, b"", [b"no template"]]),
        _packed([-1, b"", []]),
        _packed([0.5, b"", []]),
        _packed([0, b"\x37\xa4\x30\xec no dictionary", []]),
        _packed([0, b"", [TEMPLATES[0].body, TEMPLATES[0].body]]),
        Zstd().compress(b"\x93\x00\xc5\x00\x00\x90"),  # an empty dictionary, spelled in three bytes
        Zstd().compress(b"\x93\x00\xc4\x00\xdd\xff\xff\xff\xff"),
    ],
    ids=range(15),
)
def test_what_is_no_opening_is_refused(body: bytes) -> None:
    with pytest.raises(CodebookError):
        unpack_opening(body, {})


def test_a_decompression_bomb_is_refused_before_it_grows() -> None:
    bomb = Zstd().compress(bytes(bodies.MAX_OPENED + 1))
    assert len(bomb) < MAX_ENTRY
    with pytest.raises(CodebookError):
        unpack_opening(bomb, {})


@pytest.mark.parametrize(
    "packed",
    [
        b"\xdd\x00\x00\x00\x20" + msgpack.packb([[]] * 65_000) * 32,
        b"\x93\x00\xc4\x00\x92" + msgpack.packb([[]] * 65_000) * 2,
        msgpack.packb([0, b"", [b"\xdd\x00\x20\x00\x00" + b"\x90" * (2 << 20)]]),
    ],
    ids=["of lists", "of lists for templates", "of lists in a template"],
)
def test_an_opening_of_nothing_but_lists_takes_little_memory(packed: bytes) -> None:
    bomb = Zstd().compress(packed)
    assert len(bomb) < 2000
    tracemalloc.start()
    try:
        with pytest.raises(CodebookError):
            unpack_opening(bomb, {})
        assert tracemalloc.get_traced_memory()[1] < 8 * len(packed)
    finally:
        tracemalloc.stop()


def test_digests_are_read_as_they_were_written() -> None:
    digests = [bytes([number]) * 16 for number in range(3)]
    assert unpack_digests(bodies.pack_digests(digests)) == frozenset(digests)


@pytest.mark.parametrize("body", [b"", b"short", b"a" * 17, b"a" * 32, b"b" * 16 + b"a" * 16])
def test_what_is_no_list_of_digests_is_refused(body: bytes) -> None:
    with pytest.raises(CodebookError):
        unpack_digests(body)


def test_what_is_no_digest_is_not_written() -> None:
    with pytest.raises(CodebookError):
        bodies.pack_digests([b"short"])


@given(st.binary(max_size=60))
def test_any_bytes_are_a_body_or_an_error(body: bytes) -> None:
    for read in (Namespace.from_body, unpack_digests, lambda body: unpack_opening(body, {})):
        with suppress(CodebookError):
            read(body)  # type: ignore[operator]
