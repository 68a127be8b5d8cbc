"""Ranking: parse with all candidates, count what is used, keep what pays, number it by use, and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from aura_stream.codec.parser import Parser, Spelled, TemplateUse
from aura_stream.codec.template import Template
from aura_stream.codec.trie import Trie
from aura_stream.codec.wire import TWO_BYTE_CODES
from aura_stream.mining.lexed import Lexed

ROUNDS: Final = 3


def rank(candidates: Sequence[Template], messages: Sequence[Lexed], birth: int, rounds: int = ROUNDS) -> list[Template]:
    """Return the templates, the most used first. `candidates` come in a first guess of that order.

    What these messages do not use stays, behind the rest, as far as codes of two bytes reach: the parts of a
    longer phrase are what is left when a message differs from it in one word.
    """
    templates = list(candidates)
    for _ in range(rounds):
        uses = count_uses(templates, messages, birth)
        order = sorted(range(len(templates)), key=lambda number: (-uses[number], number))
        templates = [templates[number] for number in order[:TWO_BYTE_CODES]]
    return templates


def count_uses(templates: Sequence[Template], messages: Sequence[Lexed], birth: int) -> Counter[int]:
    """Return how often each template is used to spell the messages."""
    parser = Parser(Trie(templates), birth)
    uses: Counter[int] = Counter()
    for message in messages:
        for item in parser.parse_sized(message.texts, message.candidates):
            if isinstance(item, TemplateUse):
                uses[item.number] += 1
            elif isinstance(item, Spelled):
                uses.update(piece for piece in item.pieces if isinstance(piece, int))
    return uses
