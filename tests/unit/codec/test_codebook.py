"""Codebooks: numbers are given once, and every frame of a book decodes with each that extends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aura_stream import Codebook, CodebookError, HybridCodec
from aura_stream.codec import Generation, Proposal, Template
from aura_stream.codec import codebook as codebook_module
from aura_stream.codec import generation as generation_module
from aura_stream.codec.codebook import CollisionError
from tests.unit.codec.books import BIRTH, DICTIONARY, TEMPLATES, by_hand, many_generations, sample_messages, template

ONE, TWO, THREE = TEMPLATES[:3]


@pytest.mark.parametrize("check_bytes", [3, -1, 8, True, 1.0, "1", None, []])
def test_check_bytes_are_0_1_2_or_4(check_bytes: object) -> None:
    with pytest.raises(CodebookError, match="check_bytes"):
        Codebook(check_bytes)  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", ["", "Plain", None, b"plain"])
def test_raw_is_plain_or_marked(raw: object) -> None:
    with pytest.raises(CodebookError, match="raw"):
        Codebook(1, raw)  # type: ignore[arg-type]


@pytest.mark.parametrize("birth", [-1, 1 << 40, 1.5, True, float("nan")])
def test_a_birth_time_is_whole_seconds(birth: object) -> None:
    with pytest.raises(CodebookError, match="birth"):
        Generation(birth=birth)  # type: ignore[arg-type]


@pytest.mark.parametrize("dictionary", [bytes((1 << 20) + 1), b"\x37\xa4\x30\xec" + b"garbage" * 20])
def test_a_dictionary_is_one_that_zstd_can_use(dictionary: bytes) -> None:
    with pytest.raises(CodebookError, match="dictionary"):
        Generation(dictionary=dictionary)


def test_a_generation_and_a_book_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation_module, "MAX_TEMPLATES", 2)
    monkeypatch.setattr(codebook_module, "MAX_GENERATIONS", 2)
    book = Codebook().extended(Proposal((ONE, TWO)))
    with pytest.raises(CodebookError, match="at most 2 templates"):
        book.extended(Proposal((THREE,)))
    book = book.extended(Proposal((THREE,), opens=True))
    with pytest.raises(CodebookError, match="at most 2 generations"):
        book.extended(Proposal((), opens=True))


def test_the_empty_proposal_changes_nothing() -> None:
    book = by_hand()
    assert not Proposal()
    assert book.extended(Proposal()) is book
    assert Codebook().extended(Proposal()) == Codebook()
    assert Codebook().newest is None


def test_templates_are_appended_and_those_known_passed_over() -> None:
    book = Codebook().extended(Proposal((ONE, TWO, ONE), birth=BIRTH))
    assert book.newest == Generation((ONE, TWO), b"", BIRTH)
    longer = book.extended(Proposal((TWO, THREE, THREE), birth=BIRTH + 1))
    assert longer.generations == (Generation((ONE, TWO, THREE), b"", BIRTH),)
    assert longer.extended(Proposal((THREE, ONE))) is longer


def test_a_ranking_opens_a_generation() -> None:
    book = Codebook().extended(Proposal((ONE, TWO)))
    longer = book.extended(Proposal((TWO, ONE), True, DICTIONARY, BIRTH))
    assert longer.generations == (*book.generations, Generation((TWO, ONE), DICTIONARY, BIRTH))


def test_a_dictionary_alone_opens_a_generation_that_goes_on_with_the_templates() -> None:
    book = Codebook().extended(Proposal((ONE, TWO), birth=BIRTH))
    longer = book.extended(Proposal(dictionary=DICTIONARY))
    assert longer.generations == (*book.generations, Generation((ONE, TWO), DICTIONARY, BIRTH))
    longer = book.extended(Proposal((THREE, ONE), dictionary=DICTIONARY, birth=7))
    assert longer.generations[1] == Generation((ONE, TWO, THREE), DICTIONARY, 7)


@pytest.mark.parametrize(
    "proposal",
    [
        Proposal((template(b"and more ", b"of it"),)),
        Proposal(TEMPLATES[::-1], True, DICTIONARY[:100], 1),
        Proposal((), True),
        Proposal(dictionary=DICTIONARY[:99]),
    ],
)
def test_every_frame_of_a_book_decodes_with_one_that_extends_it(proposal: Proposal) -> None:
    for book in (Codebook(2), by_hand(2), by_hand(2, "marked", DICTIONARY), many_generations(3)):
        messages = [*sample_messages()[::20], b"hello world 2024-05-15T15:00:00Z took 1.50 ms", b"", b"\xc1"]
        frames = HybridCodec(book).encode_batch(messages)
        longer = book.extended(proposal)
        assert book.is_prefix_of(longer)
        assert HybridCodec(longer).decode_batch(frames) == messages


def test_a_book_is_a_prefix_of_what_extends_it_and_of_nothing_else() -> None:
    book = Codebook(1, "plain", (Generation((ONE, TWO), b"", 5),))
    assert book.is_prefix_of(book)
    assert Codebook().is_prefix_of(book)
    assert not book.is_prefix_of(Codebook())
    assert not book.is_prefix_of(replace(book, check_bytes=2))
    assert not book.is_prefix_of(replace(book, raw="marked"))
    for generation in (
        Generation((ONE,), b"", 5),
        Generation((TWO, ONE), b"", 5),
        Generation((ONE, TWO), DICTIONARY, 5),
        Generation((ONE, TWO), b"", 6),
    ):
        assert not book.is_prefix_of(Codebook(1, "plain", (generation,)))


def test_a_digest_names_exactly_the_content() -> None:
    books = [
        Codebook(),
        Codebook(2),
        Codebook(1, "marked"),
        by_hand(),
        by_hand(1, "plain", DICTIONARY),
        many_generations(2),
    ]
    assert len({book.digest for book in books}) == len(books)
    assert all(Codebook.from_bytes(book.to_bytes()).digest == book.digest for book in books)


def test_more_than_23_generations_are_named_by_extension_frames() -> None:
    book = many_generations(26)
    message = b"generation24 hello hello"
    frames = []
    for count in (23, 24, 26):
        part = replace(book, generations=book.generations[:count])
        codec = HybridCodec(part, "batched")
        frames.append(codec.encode(message))
        info = codec.peek(frames[-1])
        assert (info.method, info.generation) == ("template", count - 1)
        assert (frames[-1][0] == 0xFE) == (count > 23)
    assert HybridCodec(book).decode_batch(frames) == [message] * 3
    zstd = HybridCodec(book).encode(DICTIONARY)
    assert zstd[:2] == b"\xfe\x02"
    assert HybridCodec(book).peek(zstd).method == "zstd"
    assert HybridCodec(book).decode(zstd) == DICTIONARY


def test_templates_of_two_and_three_byte_codes_come_back() -> None:
    words = tuple(Template((b"w%dw" % number,)) for number in range(12_600))
    book = Codebook(0, "plain", (Generation(words),))
    codec = HybridCodec(book, "batched")
    frame = b"\x82\x00\xc0\x00\xef\xff\xf0\x00\x00"
    assert codec.decode(frame) == b"w0ww192ww12479ww12480w"
    assert [part.size for part in codec.explain(frame)] == [1, 1, 2, 2, 3]
    assert [codec.peek(b"\x82" + frame[at:]).template for at in (1, 2, 4, 6)] == [0, 192, 12_479, 12_480]


def _twins() -> tuple[Template, Template]:
    """Two templates with one digest, as a collision would have it."""
    first, second = Template((b"first",)), Template((b"second",))
    vars(second)["digest"] = first.digest
    return first, second


def test_of_two_templates_with_one_digest_the_second_is_refused() -> None:
    first, second = _twins()
    book = Codebook().extended(Proposal((ONE, first)))
    for proposal in (
        Proposal((second,)),
        Proposal((first, second), opens=True),
        Proposal((second,), False, DICTIONARY),
    ):
        with pytest.raises(CollisionError, match=first.digest.hex()):
            book.extended(proposal)
    assert book.extended(Proposal((first,))) is book
    assert book.extended(Proposal((first, first), opens=True)).generations[1].templates == (first,)


def test_two_templates_with_one_digest_are_never_saved() -> None:
    first, second = _twins()
    book = Codebook().extended(Proposal((first,))).extended(Proposal((second,), opens=True))
    with pytest.raises(CodebookError, match=first.digest.hex()):
        book.to_bytes()
