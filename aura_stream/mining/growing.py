"""Growing: what the present generation lacks, found in how it spells the messages that just came.

A pass costs what its messages cost. Each message is parsed with the present templates; what they spelled stands as
one symbol for each, the rest as tokens, and merging goes on from there. So a phrase grows over a few passes to the
whole message, new words join what stands around them, and a slot that holds the same value again and again becomes a
literal of a second template beside the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aura_stream.codec import Generation, Template
from aura_stream.codec.parser import Item, Parser, TemplateUse
from aura_stream.codec.spelling import MAX_WORDS
from aura_stream.codec.template import Symbol
from aura_stream.codec.trie import Trie
from aura_stream.mining.finds import Find, judged
from aura_stream.mining.lexed import Lexed, unknown_words
from aura_stream.mining.phrases import Phrase, Stream, mine_phrases
from aura_stream.mining.refining import refined
from aura_stream.mining.screen import Screen
from aura_stream.mining.subwords import subwords
from aura_stream.mining.symbols import Contexts


class Spelling:
    """The parser of one generation, which grows with it."""

    def __init__(self, generation: Generation, retired: frozenset[bytes], words: int = MAX_WORDS) -> None:
        self.generation = generation
        self.retired = retired
        self.words = words  # whose spelling is remembered
        self.parser = Parser(Trie(generation.templates, retired), generation.birth, words)

    def longer(self, templates: Iterable[Template]) -> Parser:
        """Return a parser that knows these templates too, under the next numbers."""
        trie = Trie(self.generation.templates, self.retired)
        trie.extend(templates)
        return Parser(trie, self.generation.birth, self.words)

    def follows(self, generation: Generation, retired: frozenset[bytes]) -> bool:
        """Tell whether this is the same generation, perhaps grown; then take what is new."""
        known = self.generation
        size = len(known.templates)
        if (known.birth, retired) != (generation.birth, self.retired) or known.templates != generation.templates[:size]:
            return False
        self.parser.trie.extend(generation.templates[size:], retired)
        self.generation = generation
        return True


@dataclass(frozen=True, slots=True)
class Growth:
    """What a pass found, the best first, and how many items each message took before."""

    finds: Sequence[Find]
    items: Sequence[int]


def grow(spelling: Spelling, messages: Sequence[Lexed], held_out: Sequence[Lexed], screen: Screen) -> Growth:
    """Return the templates that these messages ask for beside those of the generation.

    All are refused if they do not make the messages held out smaller.
    """
    contexts = Contexts(screen, with_enums=False)
    for message in messages:
        contexts.observe(message)
    singles: dict[Symbol, Phrase] = {}
    general: list[Stream] = []
    tightened: list[Stream] = []
    spelled = []
    for message in messages:
        items, cost = spelling.parser.spell(message.texts, message.candidates)
        spelled.append((items, cost))
        symbols = contexts.symbols(message)
        stream = list(_stream(items, symbols, spelling.generation.templates, singles))
        general.append([phrase for phrase, _ in stream])
        if any(phrase != tight for phrase, tight in stream):
            tightened.append([tight for _, tight in stream])
    phrases = _new_phrases(spelling.generation, general, tightened)
    candidates: list[Phrase] = [*phrases, *_pieces(spelling, messages, screen)]
    candidates += refined(spelling.generation.templates, messages, [items for items, _ in spelled], screen)
    finds = judged(list(dict.fromkeys(candidates)), phrases, spelling, messages, [cost for _, cost in spelled])
    if held_out and not _proven(spelling, finds, held_out):
        finds = [find.refuse(find.refused or "held-out messages gain nothing") for find in finds]
    return Growth(finds, [len(items) for items, _ in spelled])


def _pieces(spelling: Spelling, messages: Sequence[Lexed], screen: Screen) -> list[Phrase]:
    """Return the sub-words that the generation lacks."""
    known = spelling.parser.trie.subwords
    pieces = subwords(unknown_words(messages, screen), screen.distinct_messages)
    return [(piece,) for piece in pieces if piece not in known]


def _proven(spelling: Spelling, finds: Sequence[Find], held_out: Sequence[Lexed]) -> bool:
    parser = spelling.longer(find.template for find in finds if not find.refused)
    return any(
        parser.spell(message.texts, message.candidates)[1][-1]
        < spelling.parser.spell(message.texts, message.candidates)[1][-1]
        for message in held_out
    )


def _stream(
    items: Sequence[Item],
    symbols: Sequence[Symbol | None],
    templates: Sequence[Template],
    singles: dict[Symbol, Phrase],
) -> Iterator[tuple[Phrase | None, Phrase | None]]:
    """Return a message as phrases, each as it was spelled, and with the literals that its context asks for.

    `singles` are the phrases of one symbol, each made once.
    """
    for item in items:
        if isinstance(item, TemplateUse):
            template = templates[item.number]
            tight = list(template.symbols)
            for offset, _ in template.slots:
                symbol = symbols[item.first + offset]
                if isinstance(symbol, bytes):
                    tight[offset] = symbol
            yield template.symbols, tuple(tight)
        else:
            for symbol in symbols[item.first : item.last]:
                phrase = None if symbol is None else singles.setdefault(symbol, (symbol,))
                yield phrase, phrase


def _new_phrases(generation: Generation, general: Sequence[Stream], tightened: Sequence[Stream]) -> dict[Phrase, int]:
    """Return what merging makes of both kinds of streams, and how often it was seen; nothing that is there already."""
    found = mine_phrases(general)
    for phrase, count in mine_phrases(tightened).items():
        found[phrase] = max(found.get(phrase, 0), count)
    for template in generation.templates:
        found.pop(template.symbols, None)
    return found
