"""Sub-words: the pieces that unknown words are spelled with, by byte-pair merging inside words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aura_stream.mining.merging import Merging, flatten

_MAX_SUBWORD: Final = 12  # bytes
_MAX_SUBWORDS: Final = 2000
_MAX_WEIGHT: Final = 4  # sightings of one word that count: a frequent word is a template of its own
_MAX_WORD: Final = 40


def subwords(words: Mapping[bytes, Sequence[int]], least: int) -> list[bytes]:
    """Return pieces of words, each of which stood in at least `least` distinct messages.

    `words`: for each word, some of the messages it stood in (`least` of them are enough).
    """
    pieces: list[bytes] = [bytes((byte,)) for byte in range(256)]

    def join(left: int, right: int) -> int | None:
        piece = pieces[left] + pieces[right]
        if len(piece) > _MAX_SUBWORD:
            return None
        pieces.append(piece)
        return len(pieces) - 1

    streams = [
        list(word)
        for word, messages in words.items()
        if len(word) <= _MAX_WORD
        for _ in range(min(len(messages), _MAX_WEIGHT))
    ]
    Merging(flatten(streams), join, least).run(_MAX_SUBWORDS)
    return _widespread(list(dict.fromkeys(pieces)), words, least)


def _widespread(pieces: Sequence[bytes], words: Mapping[bytes, Sequence[int]], least: int) -> list[bytes]:
    """Keep the pieces that stood in enough distinct messages: two words of one message count once."""
    seen_in: dict[bytes, set[int]] = {piece: set() for piece in pieces}
    for word, messages in words.items():
        for start in range(min(len(word), _MAX_WORD)):
            for end in range(start + 1, min(len(word), start + _MAX_SUBWORD) + 1):
                seen = seen_in.get(word[start:end])
                if seen is not None and len(seen) < least:
                    seen.update(messages)
    return [piece for piece in pieces if len(seen_in[piece]) >= least]
