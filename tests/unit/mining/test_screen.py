"""What may become a literal, and what never does."""

from __future__ import annotations

import pytest

from aura_stream.codec.lexer import lex
from aura_stream.mining.lexed import private_places
from aura_stream.mining.screen import Screen, private_spans


def private_texts(message: bytes) -> list[bytes]:
    return [message[start:end] for start, end in private_spans(message)]


@pytest.mark.parametrize(
    ("message", "private"),
    [
        (b"mail from anna.lind+x@mail.example.org today", b"anna.lind+x@mail.example.org"),
        (b"connect postgres://admin:hunter22@db/x", b"://admin:hunter22@"),
        (b"card 4111 1111 1111 1111 charged", b"4111 1111 1111 1111"),
        (b"card 4111-1111-1111-1111 charged", b"4111-1111-1111-1111"),
        (b"call 555-867-5309 2 now", b"555-867-5309 2"),
        (b"account 123456789 closed", b"123456789"),
        (b"jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"),
        (b"key AKIAIOSFODNN7EXAMPLE used", b"AKIAIOSFODNN7EXAMPLE"),
        (b"key ghp_abcdefghijklmnop used", b"ghp_abcdefghijklmnop"),
        (b"key sk-abcdefghijkl used", b"sk-abcdefghijkl"),
        (b"Authorization: Bearer abcdefgh.ijkl", b"abcdefgh.ijkl"),
        (b"sent Bearer abcdefgh.ijkl", b"Bearer abcdefgh.ijkl"),
        (b'{"password":"correct horse"}', b"correct horse"),
        (b'{"db_password_main": "swordfish"}', b"swordfish"),
        (b"api_key=letmein&x=1", b"letmein"),
        (b'{\\\\\\"pwd\\\\\\": \\\\\\"letmein now\\\\\\"}', b"letmein now"),
        ("an jürgen.müller@bücher.de".encode(), "jürgen.müller@bücher.de".encode()),
        (b"/?to=anna.lind%40example.org", b"anna.lind%40example.org"),
        (b'"anna\\u0040example.org"', b"anna\\u0040example.org"),
        (b"'conan.o'brien@example.org'", b"'conan.o'brien@example.org"),
        (b"id_4111-1111-1111-1111", b"4111-1111-1111-1111"),
        (b"card 4111.1111.1111.1111", b"4111.1111.1111.1111"),
        (b"card 4111%201111%201111%201111", b"4111%201111%201111%201111"),
        ("card 4111\u00a01111\u00a01111\u00a01111".encode(), "4111\u00a01111\u00a01111\u00a01111".encode()),
        (b"call (415) 555-2671", b"415) 555-2671"),
        (b"call 415.555.2671", b"415.555.2671"),
        (b"fingerprint 45:cc:8e:26:86:3d", b"45:cc:8e:26:86:3d"),
        (b'"line\\nsk-abcdefghijkl"', b"sk-abcdefghijkl"),
        (b"_AKIAIOSFODNN7EXAMPLE", b"AKIAIOSFODNN7EXAMPLE"),
        (b"licence 6D7N-11KY-X3J1-8YTE", b"6D7N-11KY-X3J1-8YTE"),
    ],
)
def test_private_values_are_found(message: bytes, private: bytes) -> None:
    assert private in private_texts(message)


@pytest.mark.parametrize(
    "message",
    [
        b'{"nextToken":null,"secret":true}',
        b"GET /index.html 200 5123",
        b"took 12 ms, 3 of 4 done",
        b"10.251.43.115:50010",
    ],
)
def test_ordinary_text_is_not_private(message: bytes) -> None:
    assert private_texts(message) == []


def test_only_the_value_of_a_key_is_private_not_the_key() -> None:
    message = b'{"password":"swordfish","user":"x"}'
    texts, candidates = lex(message)
    assert [texts[place] for place in sorted(private_places(message, texts, candidates))] == [b"swordfish"]


def screened(*messages: bytes, distinct: int = 2) -> Screen:
    screen = Screen(distinct)
    for message in messages:
        texts, candidates = lex(message)
        screen.observe(texts, private_places(message, texts, candidates))
    return screen


def allows(screen: Screen, text: bytes) -> bool:
    texts, candidates = lex(text)
    assert texts == [text]
    return screen.allows(text, candidates[0])


def test_a_word_is_allowed_once_it_stood_in_enough_distinct_messages() -> None:
    assert not allows(screened(b"alpha alpha alpha"), b"alpha")
    assert allows(screened(b"alpha", b"alpha beta"), b"alpha")
    assert not allows(screened(b"alpha", b"alpha beta"), b"beta")


def test_marks_pass_the_same_screen() -> None:
    assert allows(screened(b"a:b", b"c:d"), b":")
    assert not allows(screened(b"a:b", b"c;d"), b";")


def test_short_numbers_may_be_literals_long_ones_never() -> None:
    screen = screened(b"code 404", b"code 404", b"id 123456", b"id 123456")
    assert allows(screen, b"404")
    assert not allows(screen, b"123456")


def test_no_literal_holds_a_long_run_of_digits() -> None:
    assert allows(screened(b"12345.25", b"12345.25"), b"12345.25")
    assert not allows(screened(b"123456.25", b"123456.25"), b"123456.25")


@pytest.mark.parametrize(
    "text",
    [
        b"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        b"9f4ef63a",
        b"Cvf4XX17hSAgXDdGEd",
        b"AIEXTFQR7NSC5U6Q3TMDR",
        b"SxKtQyWzVaBcDeFgHj",
        b"2024-05-15T15:00:00",
        b"a" * 41,
    ],
)
def test_high_entropy_never_passes(text: bytes) -> None:
    assert not allows(screened(text, text, text), text)


def test_an_address_may_be_a_literal() -> None:
    assert allows(screened(b"10.0.0.1", b"10.0.0.1"), b"10.0.0.1")


def test_what_stands_only_in_private_places_is_not_counted() -> None:
    mail = b"to swordfish@example.org"
    assert not allows(screened(mail, mail, mail), b"swordfish")


def test_of_too_many_words_the_rarest_and_oldest_are_forgotten() -> None:
    screen = Screen(distinct_messages=2, most=4)
    for word in (b"alpha", b"alpha", b"one", b"two", b"three", b"four"):
        screen.observe([word], ())
    kept = {word for word in (b"alpha", b"one", b"two", b"three", b"four") if screen.seen_in(word)}
    assert kept == {b"alpha", b"three", b"four"}


@pytest.mark.parametrize("name", [b"CoarseGrainedExecutorBackend", b"QuorumCnxManager", b"NIOServerCxnFactory"])
def test_a_long_name_in_mixed_case_passes(name: bytes) -> None:
    assert allows(screened(name, name), name)
