"""What becomes of a batch: every message has one outcome, in order, at a cost that bad ones do not multiply."""

from __future__ import annotations

import logging
import random
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from aura_connectors.memory import connector

from aura_stream.codec import Codebook, HybridCodec
from aura_stream.errors import CorruptFrameError, UnknownTemplateError
from aura_stream.model import Batch, Note, Partition
from aura_stream.runtime import Burial, FollowingCodec, Refusals, Screen, Transform
from aura_stream.runtime.portion import TOLD, Portion
from tests.unit.runtime.engine import BAD, compressed, count_raw, count_templates, decompress, numbered

UNKNOWN = b"names what is not there"
Convert = Callable[[list[bytes]], list[bytes]]


class Counting:
    """Decodes, and counts what it was asked for."""

    def __init__(self, convert: Convert = decompress) -> None:
        self._convert = convert
        self.calls = 0
        self.given = 0
        self.decoded = 0

    def __call__(self, frames: list[bytes]) -> list[bytes]:
        self.calls += 1
        self.given += len(frames)
        for index, frame in enumerate(frames):
            self.decoded += 1
            if frame == UNKNOWN:
                raise UnknownTemplateError("template 0-7 is not in the codebook", 0, 7, index)
            if frame == BAD:
                raise CorruptFrameError("its check does not match", index)
        return self._convert(frames)


def burial(decoding: bool = True) -> Burial:
    return Burial(connector.marked, "decode" if decoding else "encode", lambda: "c0de", lambda: 1_700_000_000.0)


def transform(convert: Convert, screen: Screen | None = None, waits: bool = False) -> Transform:
    refusals = Refusals(burial(), screen or Screen())
    return Transform(convert, count_templates, True, 1 << 30, waits=waits, refusals=refusals)


def batch(values: Sequence[bytes | None], partition: int = 0, first: int = 0) -> Batch:
    return Batch(Partition("in", partition), values, range(first, first + len(values)))


def outcome(portion: Portion) -> list[tuple[int, bytes | None, bool]]:
    """Return position, value and whether it is dead, of each message in the order of settling."""
    rows: list[tuple[int, bytes | None, bool]] = []
    for part in portion.parts:
        plain = connector.unmarked(part.batch)[0] if part.dead else part.batch
        rows += [
            (int(position), value, part.dead) for position, value in zip(plain.positions, plain.values, strict=True)
        ]
    return rows


def expected(frames: Sequence[bytes | None]) -> list[tuple[int, bytes | None, bool]]:
    return [
        (row, frame if frame is None or frame == BAD else zlib.decompress(frame), frame == BAD)
        for row, frame in enumerate(frames)
    ]


class TestManyBadOnes:
    @pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
    def test_each_message_has_one_outcome_in_order(self, share: float) -> None:
        random.seed(17)
        frames = compressed(numbered(3000))
        frames = [BAD if random.random() < share and row > 4 else frame for row, frame in enumerate(frames)]
        frames[100] = frames[2000] = None
        assert outcome(transform(Counting()).transform(deque([batch(frames)]))) == expected(frames)

    @pytest.mark.parametrize("frames", [[BAD] * 5000, [BAD, zlib.compress(b"good")] * 2500])
    def test_the_cost_does_not_grow_with_the_square_of_their_number(self, frames: list[bytes]) -> None:
        convert = Counting()
        vouched = [*compressed(numbered(4)), *frames]
        portion = transform(convert).transform(deque([batch(vouched)]))
        assert len(portion.dead) == frames.count(BAD)
        assert convert.decoded <= 4 * len(vouched)
        assert convert.given <= 150 * len(vouched)  # what was handed to the codec, and given up at the first bad one

    def test_bad_ones_at_the_front_are_not_held_against_the_codebook_again_and_again(self) -> None:
        convert = Counting()
        frames = [*[BAD] * 3000, *compressed(numbered(4))]
        portion = transform(convert).transform(deque([batch(frames)]))
        assert outcome(portion) == expected(frames)
        assert convert.decoded <= 5 * len(frames)

    def test_a_log_line_names_the_first_ones_and_another_one_tells_how_many_more(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR):
            transform(Counting()).transform(deque([batch([*compressed(numbered(4)), *[BAD] * 50])]))
        assert len(caplog.records) == TOLD + 1
        assert "in partition 0 position 4: a dead letter: CorruptFrameError" in caplog.text
        assert f"{50 - TOLD} more became dead letters; `aura-stream dead-letters list` names each" in caplog.text


class TestTrust:
    @pytest.mark.parametrize("seed", range(5))
    def test_a_wrong_codebook_makes_no_dead_letters_though_some_frames_pass_their_check_by_chance(
        self, seed: int
    ) -> None:
        """With a check of one byte, of 5000 frames some 20 pass."""
        generator = random.Random(seed)
        frames: list[bytes | None] = [b"%d" % number for number in range(5000)]
        lucky = {frame for frame in frames if generator.random() < 1 / 256}

        def convert(values: list[bytes]) -> list[bytes]:
            for index, value in enumerate(values):
                if value not in lucky:
                    raise CorruptFrameError("its check does not match", index)
            return values

        portion = transform(convert).transform(deque([batch(frames)]))
        assert portion.failure is not None
        assert "too little of it was decoded" in str(portion.failure) or portion.failure.position == 0
        assert portion.parts == []

    def test_frames_that_the_codebook_must_know_vouch_for_it_where_the_batch_does_not(self) -> None:
        witnesses = [frame for frame in compressed(numbered(4)) if frame is not None]
        refusals = Refusals(burial(), witnesses=[BAD, *witnesses])
        tried = Transform(Counting(), count_templates, True, 1 << 20, refusals=refusals)
        assert outcome(tried.transform(deque([batch([BAD, BAD])]))) == expected([BAD, BAD])

    def test_witnesses_that_do_not_decode_vouch_for_nothing(self) -> None:
        refusals = Refusals(burial(), witnesses=[BAD, *[zlib.compress(b"x")] * 3, BAD, zlib.compress(b"x")])
        tried = Transform(Counting(), count_templates, True, 1 << 20, refusals=refusals)
        portion = tried.transform(deque([batch([BAD, BAD])]))
        assert (portion.parts, portion.failure is not None) == ([], True)

    def test_raw_frames_neither_vouch_nor_are_held_back(self) -> None:
        def counted(frames: Sequence[bytes]) -> dict[str, int]:
            raw = sum(frame.startswith(b"raw") for frame in frames)
            return {"raw": raw, "template": len(frames) - raw}

        def convert(values: list[bytes]) -> list[bytes]:
            if BAD in values:
                raise CorruptFrameError("its check does not match", values.index(BAD))
            return values

        tried = Transform(convert, counted, True, 1 << 20, refusals=Refusals(burial()))
        portion = tried.transform(deque([batch([*[b"raw"] * 6, BAD, *[b"raw"] * 6])]))
        assert portion.failure is not None
        assert outcome(portion) == [(row, b"raw", False) for row in range(6)]


class TestMixed:
    def test_what_waits_for_a_template_waits_with_all_behind_it_and_bad_ones_before_it_are_buried(self) -> None:
        good = compressed(numbered(20))
        frames = [*good[:5], BAD, *good[6:9], UNKNOWN, *good[10:12], BAD]
        queue = deque([batch(frames), batch(good, 1), batch(good[:3], first=13)])
        portion = transform(Counting(), waits=True).transform(queue)
        assert outcome(portion)[:9] == expected(frames[:9])
        assert [row for row, _, _ in outcome(portion)[9:]] == list(range(20))
        (stuck,) = portion.stuck
        assert (stuck.position, len(stuck), [len(each) for each in stuck.batches]) == (9, 7, [4, 3])
        assert portion.failure is None
        assert not queue

    def test_where_nothing_can_wait_an_unknown_template_stops_it_and_is_no_dead_letter(self) -> None:
        frames = [*compressed(numbered(5)), BAD, UNKNOWN]
        portion = transform(Counting()).transform(deque([batch(frames)]))
        assert outcome(portion) == expected(frames[:6])
        assert portion.failure is not None
        assert portion.failure.position == 6

    def test_nulls_stay_where_they_are_between_bad_ones(self) -> None:
        frames = [None, *compressed(numbered(4)), None, BAD, None, BAD, None, zlib.compress(b"x"), None]
        assert outcome(transform(Counting()).transform(deque([batch(frames)]))) == expected(frames)

    def test_nothing_but_nulls_is_nothing_to_decode(self) -> None:
        assert outcome(transform(Counting()).transform(deque([batch([None, None])]))) == expected([None, None])

    def test_a_refused_message_may_stand_between_bad_ones(self) -> None:
        good = compressed(numbered(8))
        large = b"x" * 1000
        frames = [*good[:4], BAD, large, good[5], BAD, large]
        portion = transform(Counting(), Screen(max_message=999)).transform(deque([batch(frames)]))
        assert [dead for _, _, dead in outcome(portion)] == [False] * 4 + [True, True, False, True, True]
        notes = [connector.unmarked(letter)[1][0] for letter in portion.dead]
        errors = [note.error for data in notes if (note := Note.from_bytes(data or b"")) is not None]
        assert errors == ["CorruptFrameError", "RefusedMessageError"] * 2

    def test_attempts_are_told_and_too_many_are_refused(self) -> None:
        frames = compressed(numbered(6))
        frames[4] = BAD
        counted = replace(batch(frames), attempts=[1, 4, 1, 1, 3, 1])
        portion = transform(Counting(), Screen(max_attempts=3)).transform(deque([counted]))
        notes = [Note.from_bytes(connector.unmarked(letter)[1][0] or b"") for letter in portion.dead]
        assert [(note.position, note.attempts, note.error) for note in notes if note is not None] == [
            ("1", 4, "RefusedMessageError"),
            ("4", 3, "CorruptFrameError"),
        ]
        assert next(note.reason for note in notes if note is not None) == "handed out 3 times and never settled"

    def test_what_is_not_to_be_transformed_at_all_is_laid_among_the_dead_letters_as_it_is(self) -> None:
        letter = batch([b"as it is"], first=1)
        refusals = Refusals(burial(), passes=lambda each: letter if each.positions[0] == 1 else None)
        tried = Transform(list, count_raw, False, 1 << 20, refusals=refusals)
        portion = tried.transform(deque([batch([b"a"]), batch([b"b"], first=1), batch([b"c"], first=2)]))
        assert outcome(portion) == [(0, b"a", False), (1, b"as it is", True), (2, b"c", False)]

    def test_a_defect_of_the_decoder_costs_one_message_and_hides_no_bad_frame(self) -> None:
        """Of two bad ones the first is named first, whichever kind it is."""

        def convert(frames: list[bytes]) -> list[bytes]:
            if b"defect" in frames:
                raise KeyError(b"defect")
            return decompress(frames)

        good = compressed(numbered(12))
        frames = [*good[:4], BAD, b"defect", good[6], b"defect", BAD]
        portion = transform(convert).transform(deque([batch(frames)]))
        assert [dead for _, _, dead in outcome(portion)] == [False] * 4 + [True, True, False, True, True]
        notes = [Note.from_bytes(connector.unmarked(letter)[1][0] or b"") for letter in portion.dead]
        errors = [note.error for note in notes if note is not None]
        assert errors == ["CorruptFrameError", "BrokenCodecError", "BrokenCodecError", "CorruptFrameError"]

    def test_a_failure_that_no_message_is_to_blame_for_is_not_hidden(self) -> None:
        def convert(frames: list[bytes]) -> list[bytes]:
            if len(frames) > 1:
                raise KeyError("only together")
            return decompress(frames)

        with pytest.raises(KeyError, match="only together"):
            transform(convert).transform(deque([batch(compressed(numbered(3)))]))

        def nameless(frames: list[bytes]) -> list[bytes]:
            raise CorruptFrameError("which one?")

        with pytest.raises(CorruptFrameError, match="which one"):
            transform(nameless).transform(deque([batch(compressed(numbered(3)))]))


class TestGrowth:
    """A few small frames can become more than fits in memory."""

    def test_decoding_stops_once_it_holds_much_and_goes_on_with_the_next_portion(self) -> None:
        codec = FollowingCodec(HybridCodec, True, max_bytes=3 << 20)
        messages: list[bytes | None] = [bytes([number]) * (1 << 20) for number in range(12)]
        frames = HybridCodec(Codebook()).encode_batch([each for each in messages if each is not None])
        assert sum(map(len, frames)) < 10_000
        tried = Transform(codec.convert, lambda each: {"zstd": len(each)}, True, 3 << 20, codec.adopt)
        tried.offer(Codebook())
        queue = deque([batch([None, *frames, None])])
        portions = []
        while queue:
            portions.append(tried.transform(queue))
        assert [portion.bytes_out >> 20 for portion in portions] == [3, 3, 3, 3]
        rows = [row for portion in portions for row in outcome(portion)]
        assert [value for _, value, _ in rows] == [None, *messages, None]
        assert [position for position, _, _ in rows] == list(range(14))

    def test_a_bad_frame_behind_large_ones_speaks_against_a_codebook_that_nothing_vouches_for(self) -> None:
        """As it would if all had been decoded at once."""

        def convert(frames: list[bytes]) -> list[bytes]:
            return decompress(frames, max_bytes=1000)

        large = zlib.compress(b"x" * 1000)
        tried = Transform(convert, count_templates, True, 1000, refusals=Refusals(burial()))
        portion = tried.transform(deque([batch([large, large, BAD])]))
        assert portion.parts == []
        assert portion.failure is not None
        assert portion.failure.position == 2
        queue = deque([batch([large, large, BAD, *[large] * 4])])
        tried = Transform(convert, count_templates, True, 1000, refusals=Refusals(burial()))
        rows = []
        while queue:
            rows += outcome(tried.transform(queue))
        assert rows == expected([large, large, BAD, *[large] * 4])

    def test_large_frames_that_nothing_speaks_against_are_published(self) -> None:
        def convert(frames: list[bytes]) -> list[bytes]:
            return decompress(frames, max_bytes=1000)

        large = zlib.compress(b"x" * 1000)
        queue = deque([batch([large, large])])
        tried = Transform(convert, count_templates, True, 1000)
        assert [outcome(tried.transform(queue)) for _ in range(2)] == [
            [(0, b"x" * 1000, False)],
            [(1, b"x" * 1000, False)],
        ]
