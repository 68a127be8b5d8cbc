"""The dictionary beside the templates."""

from __future__ import annotations

from collections.abc import Sequence

from aura_stream.codec.lexer import lex
from aura_stream.mining.dictionary import train_dictionary
from aura_stream.mining.lexed import Lexed, private_places
from aura_stream.mining.screen import Screen


def trained(messages: Sequence[bytes]) -> bytes:
    screen = Screen(5)
    lexed = []
    for message in messages:
        texts, candidates = lex(message)
        private = private_places(message, texts, candidates)
        screen.observe(texts, private)
        lexed.append(Lexed(texts, candidates, private))
    return train_dictionary(messages, lexed, screen)


def test_a_dictionary_holds_what_messages_share() -> None:
    messages = [
        b'{"event":"order shipped","customer":%d,"note":"left at the door %d"}' % (n, n * n) for n in range(300)
    ]
    assert b"order shipped" in trained(messages)


def test_too_little_text_trains_none() -> None:
    assert trained([b"one", b"two"]) == b""
    assert trained([]) == b""


def test_what_the_screen_refuses_is_not_in_it() -> None:
    messages = [b'{"event":"order shipped","mail":"anna.lind@mail.example","n":%d}' % n for n in range(300)]
    dictionary = trained(messages)
    assert dictionary
    assert b"lind" not in dictionary
