"""Screening: what looks private stays out of a codebook, whatever slots stand around it; words pass."""

from __future__ import annotations

from importlib.resources import files

import pytest

from aura_stream.app.screening import screen_template
from aura_stream.codec import Codebook, Template
from aura_stream.codec.lexer import lex
from aura_stream.codec.slots import INT, TEXT, slot_type
from aura_stream.mining import Miner

WORD = slot_type(TEXT)


def template(*pieces: bytes | int | tuple[bytes, ...]) -> Template:
    """Return a template whose bytes are split as the lexer splits them."""
    symbols = [lex(piece)[0] if isinstance(piece, bytes) else [piece] for piece in pieces]
    return Template(tuple(symbol for each in symbols for symbol in each))


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([b"contact ", WORD, b" or jane.doe@example.org"], "e-mail"),
        ([b"card 4111 1111 1111 1111"], "card"),
        ([b"card 4111-1111-1111-1111 of ", WORD], "card"),
        ([b"card 4111/1111/1111/1111"], "card"),
        ([b"card 3782.822463.10005"], "card"),
        ([b"account 123456789 is closed"], "long number"),
        ([b"order 123456 of ", WORD], "six digits"),
        ([b"key AKIAIOSFODNN7EXAMPLE"], "key"),
        ([b"session eyJhbGciOiJIUzI1NiJ9.eyJzdWIi"], "key"),
        ([b"redis://admin:hunter2@", WORD], "login"),
        ([b'{"password":"correct horse","user":"', WORD, b'"}'], "password"),
        ([b"token 9f86d081884c7d659a2feaa0c55ad015"], "key"),
        ([b"card 4111 1111 ", (b"x", b"1111 1111")], "card"),  # only with one of its values
        ([b"mail to ", (b"nobody", b"jane.doe@example.org")], "e-mail"),
    ],
)
def test_what_looks_private_is_refused_and_not_quoted(
    pieces: list[bytes | int | tuple[bytes, ...]], reason: str
) -> None:
    found = screen_template(template(*pieces))
    assert found is not None
    assert reason in found
    assert not any(
        each in found for each in ("1111", "3782", "jane", "123456", "AKIA", "eyJ", "hunter", "horse", "9f86")
    )


@pytest.mark.parametrize(
    "pieces",
    [
        [b"I cannot ", WORD, b"."],
        [b"password=", WORD, b" for user ", WORD],
        [b'{"password":"', WORD, b'","api_key":"', WORD, b'"}'],
        [b"mail from ", WORD, b"@example.org"],
        [b"Authorization: Bearer ", WORD, b" rejected"],
        [b"redis://", WORD, b":", WORD, b"@", WORD, b":6379/0"],
        [b"-----BEGIN PRIVATE KEY-----", WORD, b"-----END PRIVATE KEY-----"],
        [b"took ", slot_type(INT), b" ms, status ", (b"200", b"404", b"500")],
        [b"Mozilla/5.0 (X11; Linux) Chrome/4.0.2454.85 Safari/537.36"],
    ],
)
def test_words_and_slots_of_private_values_pass(pieces: list[bytes | int | tuple[bytes, ...]]) -> None:
    assert screen_template(template(*pieces)) is None


def test_every_value_of_every_enum_is_looked_at() -> None:
    long, short = tuple(b"word%d" % n for n in range(20)), (b"a", b"b")
    assert screen_template(template(b"x ", long, b" ", short)) is None
    assert screen_template(template(b"x ", (*long, b"1234567890"), b" ", short)) is not None
    assert screen_template(template(b"x ", long, b" ", (b"a", b"1234567890"))) is not None


@pytest.mark.untraced
@pytest.mark.parametrize("name", ["logs.txt", "events.jsonl", "api.jsonl", "chat.txt"])
def test_what_our_own_miner_found_passes(name: str) -> None:
    miner = Miner()
    miner.observe(files("aura_stream").joinpath(f"samples/{name}").read_bytes().splitlines()[:600])
    book = Codebook().extended(miner.propose(Codebook()))
    assert book.newest is not None
    assert [each for each in book.newest.templates if screen_template(each)] == []
