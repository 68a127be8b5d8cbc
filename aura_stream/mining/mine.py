"""One mining: from a sample of messages to a whole generation, templates ranked and dictionary trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aura_stream.codec import Generation, Template
from aura_stream.codec.lexer import lex
from aura_stream.codec.parser import sized
from aura_stream.mining.birth import birth_of
from aura_stream.mining.dictionary import train_dictionary
from aura_stream.mining.phrases import mine_phrases
from aura_stream.mining.ranking import rank
from aura_stream.mining.screen import Screen
from aura_stream.mining.subwords import subwords
from aura_stream.mining.symbols import Contexts, Lexed, private_places

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to mine: in how many distinct messages a literal must have stood, and whether to make enums."""

    distinct_messages: int
    with_enums: bool = False


def mine(messages: Sequence[bytes], settings: Settings, progress: Progress) -> Generation:
    """Return the generation that these messages ask for. `progress` hears the name of each step."""
    progress("lexing")
    screen, observed, birth = _observe(messages, settings.distinct_messages)
    progress("choosing slots")
    contexts = Contexts(screen, settings.with_enums)
    for message in observed:
        contexts.observe(message)
    streams = [contexts.symbols(message) for message in observed]
    progress("merging phrases")
    phrases = mine_phrases(streams)
    progress("finding sub-words")
    pieces = subwords(_words(observed, screen), settings.distinct_messages)
    progress("ranking templates")
    templates = rank(_together(phrases, pieces), observed, birth)
    progress("training the dictionary")
    return Generation(tuple(templates), train_dictionary(messages, observed, screen), birth)


def _observe(messages: Sequence[bytes], distinct_messages: int) -> tuple[Screen, list[Lexed], int]:
    screen = Screen(distinct_messages)
    lexed = [lex(message) for message in messages]
    birth = birth_of(lexed)
    observed = []
    for message, (texts, candidates) in zip(messages, lexed, strict=True):
        private = private_places(message, texts, candidates)
        screen.observe(texts, private)
        observed.append(Lexed(texts, sized(texts, candidates, birth * 10**9), private))
    return screen, observed, birth


def _words(observed: Sequence[Lexed], screen: Screen) -> dict[bytes, Sequence[int]]:
    """Return the words, each with some of the messages it stood in; none from a private place."""
    return {
        text: screen.seen_in(text)
        for message in observed
        for place, (text, found) in enumerate(zip(message.texts, message.candidates, strict=True))
        if screen.is_word(found) and not text.isdigit() and place not in message.private
    }


def _together(phrases: list[Template], pieces: Sequence[bytes]) -> list[Template]:
    known = {template.digest for template in phrases}
    return phrases + [each for each in (Template((piece,)) for piece in pieces) if each.digest not in known]
