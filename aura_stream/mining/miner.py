"""Miner: observes messages and proposes what would save most bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import msgpack

from aura_stream.codec import Codebook, Generation, Proposal
from aura_stream.codec.wire import MAX_TEMPLATE_MESSAGE
from aura_stream.mining.finds import Find
from aura_stream.mining.growing import Spelling, grow
from aura_stream.mining.lexed import lexed
from aura_stream.mining.mine import Mining, Progress, mine
from aura_stream.mining.proof import encoded_size, split
from aura_stream.mining.ranking import ROUNDS
from aura_stream.mining.sample import Recent, Reservoir, newest, weight
from aura_stream.mining.screen import DISTINCT_MESSAGES, Screen

MEMORY: Final = 64 << 20  # bytes
_OF_SAMPLE: Final = 80  # bytes of memory that mining takes for a byte of messages: 50 measured, and what is kept
_OF_WORD: Final = 250  # bytes of memory that the screen takes for a word, and it gets a quarter of all
_OPENS: Final = 0.95  # of the size now: a new generation must make held-out messages as small as this
_TRY_AGAIN: Final = 1.5  # times as many bytes observed as at the last trial of a new generation
_HELD_OUT: Final = 10  # one in so many new messages, the last, proves what the others and those carried on propose
_CARRIED: Final = 2  # times the bytes of new messages that are looked at again with them
_CARRIED_LEAST: Final = 64 << 10  # bytes
_SNAPSHOT: Final = 1  # version of snapshots
_WELL_SPELLED: Final = 3  # items: a message spelled in so few has nothing more to tell


class Miner:
    """Watches how a codebook spells messages, and proposes the templates and dictionaries that it lacks.

    `distinct_messages`: in how many messages a word must have stood to become a literal. `memory`: bytes that it
    takes at the most, whatever it sees, beside the caches that it shares with the codec (16 MiB). The same calls
    with the same messages give the same proposals.
    """

    def __init__(self, distinct_messages: int = DISTINCT_MESSAGES, memory: int = MEMORY) -> None:
        self.distinct_messages = distinct_messages
        self.memory = memory
        sample = memory // _OF_SAMPLE
        self._screen = Screen(distinct_messages, memory // 4 // _OF_WORD)
        self._new = Reservoir(sample)
        self._recent = Recent(sample)
        self._carried: list[bytes] = []
        self._spelling: Spelling | None = None
        self._finds: list[Find] = []
        self._observed = 0
        self._next_trial = 0
        self._with_enums = False  # what the first generation was better with

    def observe(self, messages: Sequence[bytes]) -> None:
        """Look at messages, any number of times. Those that are never spelled with templates are passed over."""
        for message in messages:
            if type(message) is not bytes:
                raise TypeError(f"messages are bytes, not {type(message).__name__}")
            if 0 < len(message) <= MAX_TEMPLATE_MESSAGE:
                self._new.keep(message)
                self._observed += len(message)

    def propose(self, codebook: Codebook, progress: Progress = lambda step: None) -> Proposal:
        """Return what would have saved most bytes of the messages since the last proposal; empty if nothing would.

        Appends to the newest generation; or opens one, ranked anew, where that makes held-out messages 5 % smaller,
        which is tried each time that half as much again was observed. Templates to append come with the best first.
        `progress` hears the name of each step.
        """
        new = self._new.take()
        self._recent.add(new)
        self._finds = []
        generation = codebook.newest
        if generation is None:
            self._watch(new)
            return self._opening(codebook, progress)
        progress("spelling with the present codebook")
        appended = self._appending(codebook, generation, new)
        if self._observed < self._next_trial:
            return appended
        return self._opening(codebook.extended(appended), progress) or appended

    def explain(self) -> list[str]:
        """Return a line for each template that the last proposal appended, or that was refused for it."""
        return list(map(str, self._finds))

    def snapshot(self) -> bytes:
        """Return what was counted so far, for `restored`. Holds digests of words, no word and no message."""
        counts = self._screen.counts()
        return bytes(msgpack.packb([_SNAPSHOT, self._observed, self._next_trial, list(counts), list(counts.values())]))

    @classmethod
    def restored(cls, snapshot: bytes, distinct_messages: int = DISTINCT_MESSAGES, memory: int = MEMORY) -> Self:
        """Return a miner that goes on counting where another one was. Raises ValueError for what is no snapshot."""
        miner = cls(distinct_messages, memory)
        try:
            version, observed, next_trial, names, counts = msgpack.unpackb(snapshot)
            known = dict(zip(names, counts, strict=True))
            numbers = [observed, next_trial, *counts]
            fit = all(type(name) is bytes for name in names) and all(type(number) is int for number in numbers)
        except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as exc:
            raise ValueError("not a snapshot of a miner") from exc
        if version != _SNAPSHOT or not fit or len(known) > 2 * miner._screen.most:
            raise ValueError("not a snapshot of a miner")
        miner._observed, miner._next_trial = observed, next_trial
        miner._screen.recall(known)
        return miner

    def _watch(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            tokens = lexed(message, 0)
            self._screen.observe(tokens.texts, tokens.private)

    def _appending(self, book: Codebook, generation: Generation, new: Sequence[bytes]) -> Proposal:
        spelling = self._spelling
        if spelling is None or not spelling.follows(generation, book.retired):
            words = self.memory // 32 // _OF_WORD
            spelling = self._spelling = Spelling(generation, book.retired, words)
        observed = [lexed(message, generation.birth) for message in new]
        for tokens in observed:
            self._screen.observe(tokens.texts, tokens.private)
        held_out = len(new) // _HELD_OUT
        mined = len(new) - held_out
        carried = [lexed(message, generation.birth) for message in self._carried]
        growth = grow(spelling, [*carried, *observed[:mined]], observed[mined:], self._screen)
        messages = [*self._carried, *new[:mined]]
        open_ended = [each for each, items in zip(messages, growth.items, strict=True) if items > _WELL_SPELLED]
        size = sum(map(weight, new))
        limit = self._recent.limit
        budget = max(min(_CARRIED_LEAST, limit // 2), min(_CARRIED * size, limit - size))
        self._carried = newest([*open_ended, *new[mined:]], budget)
        self._finds = list(growth.finds)
        return Proposal([find.template for find in self._finds if not find.refused])

    def _opening(self, book: Codebook, progress: Progress) -> Proposal:
        """Return a new generation, if it makes held-out messages that much smaller."""
        messages = self._recent.messages
        mined, held_out = split(messages)
        if not held_out:
            return Proposal()
        self._next_trial = int(self._observed * _TRY_AGAIN)
        known = book.newest.templates if book.newest else ()
        trials = []
        for with_enums in (self._with_enums,) if known else (False, True):
            mining = Mining(self._screen, known, with_enums, rounds=1 if known else ROUNDS)
            trial = mine(mined, mining, lambda step: progress(f"proof: {step}"))
            trials.append((encoded_size(Codebook().extended(_opened(trial)), held_out), with_enums))
        least, self._with_enums = min(trials)
        progress("proof: against the present codebook")
        if least >= encoded_size(book, held_out) * (_OPENS if known else 1):
            return Proposal()
        return _opened(mine(messages, Mining(self._screen, known, self._with_enums), progress))


def _opened(generation: Generation) -> Proposal:
    return Proposal(generation.templates, True, generation.dictionary, generation.birth)
