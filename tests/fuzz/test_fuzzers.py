"""The fuzzers themselves: they see what they are there to see, and their seeds and a little damage are no findings."""

from __future__ import annotations

import logging
import random
from collections import Counter

import pytest

from aura_stream import HybridCodec
from tests.fuzz import damage
from tests.fuzz.bombs import Blast
from tests.fuzz.guided.__main__ import outcome, table
from tests.fuzz.guided.scratch import joined, parts
from tests.fuzz.guided.targets import TARGETS
from tests.fuzz.judging import Tally, Work, carry_out
from tests.fuzz.report import Judgement, judgements
from tests.fuzz.subjects import codec_of

pytestmark = pytest.mark.untraced  # others measure the same lines

FEW = 40  # damaged inputs for each target
SOME = Work(4, "marked", 40, 44, 3, 1)  # template frames


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_damaged_ones(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    target = TARGETS[name]
    seeds = list(target.seeds())
    rng = random.Random(1)
    assert seeds
    for seed in rng.sample(seeds, min(FEW, len(seeds))):
        target.run(seed)
    for _ in range(FEW // 4):
        for _, damaged, _ in damage.at_random(rng.choice(seeds) or b"\0", seeds, 1, rng):
            target.run(damaged)


def _broken(monkeypatch: pytest.MonkeyPatch, decode: object) -> Tally:
    monkeypatch.setattr(HybridCodec, "decode", decode)
    return carry_out(SOME)


def _failed(tally: Tally) -> list[str]:
    found: list[Judgement] = judgements(tally, [], 0, least=1)
    return [each.promise for each in found if not each.held]


def test_a_codec_that_keeps_its_promises_passes() -> None:
    tally = carry_out(SOME)
    assert tally.count("refused") > 100
    assert _failed(tally) == []


def test_a_decoder_that_raises_what_it_should_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_codec: HybridCodec, _frame: bytes) -> bytes:
        raise IndexError("past the end")

    assert "no error but a DecodeError" in _failed(_broken(monkeypatch, decode))[0]


def test_a_decoder_that_lets_damage_pass_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_codec: HybridCodec, frame: bytes) -> bytes:
        return frame[1:]

    def decode_batch(codec: HybridCodec, frames: list[bytes]) -> list[bytes]:
        return [good if frame == known else codec.decode(frame) for frame in frames]

    known, good = b"\xc1", b""
    monkeypatch.setattr(HybridCodec, "decode_batch", decode_batch)
    tally = _broken(monkeypatch, decode)
    assert tally.count("wrong") > 100
    assert "4 check bytes: none wrong" in _failed(tally)


def test_entries_of_the_codec_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HybridCodec, "decode_batch", lambda _codec, frames: list(frames))
    tally = carry_out(SOME)
    assert tally.count("foreign") == tally.count()
    assert "decode_batch takes what decode refuses" in tally.foreign[0]


def test_a_crash_a_large_bomb_and_too_few_cases_are_found() -> None:
    large = Blast("large", 10, 1, "LimitExceededError", True, 1 << 30, 1.0)
    untyped = Blast("untyped", 10, 1, "MemoryError", False, 0, 1.0)
    held = Counter(each.held for each in judgements(Tally(), [large, untyped], 1))
    assert held == {False: 4, True: 4}


def test_the_same_seed_gives_the_same_cases() -> None:
    assert carry_out(SOME).cases == carry_out(SOME).cases
    assert codec_of("frozen", 4, "marked") is codec_of("frozen", 4, "marked")


def test_parts_of_an_input_are_cut_as_they_were_put_together() -> None:
    pairs = [(0, b""), (255, b"x" * 300), (7, b"seven")]
    assert list(parts(joined(*pairs))) == pairs
    assert list(parts(joined(*pairs)[:-2])) == [*pairs[:-1], (7, b"sev")]


ENDED = """INFO: Seed: 1
#17\tINITED cov: 35 ft: 40 corp: 11/154b exec/s: 0 rss: 88Mb
#394464\tDONE   cov: 36 ft: 41 corp: 12/153b lim: 3940 exec/s: 98616 rss: 88Mb
"""
FAILED = """#17\tINITED cov: 35 ft: 40 corp: 11/154b exec/s: 0 rss: 88Mb
 === Uncaught Python exception: ===
KeyError: 'surprise'
Traceback (most recent call last):
==1== ERROR: libFuzzer: fuzz target exited
Test unit written to /x/entry.crash-0a1b
"""


def test_what_guided_fuzzing_came_to_is_read_from_its_last_lines() -> None:
    well = outcome("entry", 6, 0, ENDED)
    assert well.well
    assert (well.runs, well.seed_coverage, well.coverage, well.features, well.corpus) == (394_464, 35, 36, 41, 12)
    found = outcome("entry", 6, 77, FAILED)
    assert not found.well
    assert (found.crashes, found.finding) == (1, "entry.crash-0a1b KeyError: 'surprise'")
    assert not outcome("entry", 6, 0, "").well
    assert "KeyError" in table([well, found])
