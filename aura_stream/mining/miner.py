"""Miner: observes messages and proposes what would save most bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from aura_stream.codec import Codebook, Generation, Proposal, Template
from aura_stream.codec.wire import MAX_TEMPLATE_MESSAGE
from aura_stream.mining.mine import Progress, Settings, mine
from aura_stream.mining.proof import encoded_size, split
from aura_stream.mining.screen import DISTINCT_MESSAGES

SAMPLE: Final = 2 << 20  # bytes of messages that are kept to mine from
_OPENS: Final = 0.95  # of the size now: a new generation must make held-out messages as small as this
_APPENDS: Final = 0.995  # templates that are appended, as small as this


class Miner:
    """Keeps a fair sample of what it observed, in bounded memory, and mines it when asked to propose.

    `distinct_messages`: in how many messages a word must have stood to become a literal. `sample`: bytes of
    messages kept. The same observations in the same order give the same proposal.
    """

    def __init__(self, distinct_messages: int = DISTINCT_MESSAGES, sample: int = SAMPLE) -> None:
        self.distinct_messages = distinct_messages
        self.sample = sample
        self._kept: list[tuple[int, bytes]] = []  # (order of arrival, message)
        self._size = 0
        self._observed = 0
        self._random = random.Random(0)  # noqa: S311  # fairness, not secrecy; seeded, so that proposals can be repeated

    def observe(self, messages: Sequence[bytes]) -> None:
        """Look at messages, any number of times. Those that are never spelled with templates are passed over."""
        for message in messages:
            if type(message) is not bytes:
                raise TypeError(f"messages are bytes, not {type(message).__name__}")
            if 0 < len(message) <= MAX_TEMPLATE_MESSAGE:
                self._keep(message)

    def _keep(self, message: bytes) -> None:
        """Keep each message seen so far with the same probability (J. Vitter, "Random sampling with a reservoir")."""
        self._observed += 1
        kept = (self._observed, message)
        if self._size + len(message) <= self.sample:
            self._kept.append(kept)
            self._size += len(message)
        elif self._kept and self._random.randrange(self._observed) < len(self._kept):
            place = self._random.randrange(len(self._kept))
            self._size += len(message) - len(self._kept[place][1])
            self._kept[place] = kept
            while self._size > self.sample:
                self._size -= len(self._kept.pop(self._random.randrange(len(self._kept)))[1])

    def propose(self, codebook: Codebook, progress: Progress = lambda step: None) -> Proposal:
        """Return what would have saved most bytes, if it made held-out messages smaller; else an empty proposal.

        A new generation must be worth it (5 %); templates to append less. `progress` hears the name of each step.
        """
        messages = [message for _, message in sorted(self._kept)]
        mined, held_out = split(messages)
        if not held_out:
            return Proposal()
        settings, trial = self._better_trial(mined, held_out, progress)
        progress("proof: against the present codebook")
        now = encoded_size(codebook, held_out)
        if encoded_size(codebook.extended(_opening(trial)), held_out) < now * (_OPENS if codebook.newest else 1):
            return _opening(mine(messages, settings, progress))
        appending = Proposal(_fresh(codebook, trial))
        if appending and encoded_size(codebook.extended(appending), held_out) < now * _APPENDS:
            return appending
        return Proposal()

    def _better_trial(
        self, mined: Sequence[bytes], held_out: Sequence[bytes], progress: Progress
    ) -> tuple[Settings, Generation]:
        """Mine without and with enums, and return what made the held-out messages smaller."""
        trials = []
        for with_enums in (False, True):
            settings = Settings(self.distinct_messages, with_enums)
            trial = mine(mined, settings, lambda step: progress(f"proof: {step}"))
            trials.append((encoded_size(Codebook().extended(_opening(trial)), held_out), settings, trial))
        _, settings, trial = min(trials, key=lambda each: each[0])
        return settings, trial


def _opening(generation: Generation) -> Proposal:
    return Proposal(generation.templates, True, generation.dictionary, generation.birth)


def _fresh(codebook: Codebook, trial: Generation) -> list[Template]:
    known = codebook.newest.digests if codebook.newest else frozenset()
    return [template for template in trial.templates if template.digest not in known]
