"""One mining: from a sample of messages to a whole generation, templates ranked and dictionary trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aura_stream.codec import Generation, Template
from aura_stream.codec.lexer import lex
from aura_stream.mining.birth import birth_of
from aura_stream.mining.dictionary import train_dictionary
from aura_stream.mining.lexed import Lexed, lexed, unknown_words
from aura_stream.mining.phrases import Stream, mine_phrases
from aura_stream.mining.ranking import ROUNDS, rank
from aura_stream.mining.screen import Screen
from aura_stream.mining.subwords import subwords
from aura_stream.mining.symbols import Contexts

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Mining:
    """What a mining goes by: the screen that saw all messages, what the generation before holds, whether to make enums.

    `known` templates stay candidates: what this sample shows too seldom to be found again is still worth its number.
    `rounds` of ranking: one is enough to tell whether it pays.
    """

    screen: Screen
    known: Sequence[Template] = ()
    with_enums: bool = False
    rounds: int = ROUNDS


def mine(messages: Sequence[bytes], mining: Mining, progress: Progress) -> Generation:
    """Return the generation that these messages ask for. `progress` hears the name of each step."""
    screen = mining.screen
    progress("lexing")
    tokens = [lex(message) for message in messages]
    birth = birth_of(tokens)
    observed = [lexed(message, birth, found) for message, found in zip(messages, tokens, strict=True)]
    del tokens
    progress("choosing slots")
    contexts = Contexts(screen, mining.with_enums)
    for message in observed:
        contexts.observe(message)
    progress("merging phrases")
    phrases = mine_phrases([_stream(message, contexts) for message in observed])
    progress("finding sub-words")
    pieces = subwords(unknown_words(observed, screen), screen.distinct_messages)
    progress("ranking templates")
    found = [*map(Template, phrases), *(Template((piece,)) for piece in pieces), *mining.known]
    templates = rank(list({template.symbols: template for template in found}.values()), observed, birth, mining.rounds)
    progress("training the dictionary")
    return Generation(tuple(templates), train_dictionary(messages, observed, screen), birth)


def _stream(message: Lexed, contexts: Contexts) -> Stream:
    return [None if symbol is None else (symbol,) for symbol in contexts.symbols(message)]
