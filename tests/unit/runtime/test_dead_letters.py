"""A message that cannot go over the bridge becomes a dead letter, and nothing else is held up by it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from aura_connectors.memory import connector
from aura_connectors.memory.options import MemorySinkOptions

from aura_stream.errors import MessageError, UnwritableMessageError
from aura_stream.model import Note
from aura_stream.ports import Context
from aura_stream.runtime import Burial, Ends, Heartbeat, Refusals, Screen, Transform, Worker
from tests.unit.runtime.engine import (
    BAD,
    UNWRITABLE,
    Engine,
    FailingSink,
    compressed,
    count_raw,
    count_templates,
    decompress,
    numbered,
)

NOW = 1_700_000_000.0


def burying(engine: Engine, decoding: bool = True, screen: Screen | None = None) -> Engine:
    """Give an engine a place for dead letters, and a transform that makes them."""
    options = connector.burying(MemorySinkOptions(broker=engine.broker_name, topic="out"), "{source}.dead")
    engine.dead_letters = FailingSink(options, Context())
    burial = Burial(connector.marked, "decode" if decoding else "encode", lambda: "c0de", lambda: NOW)
    refusals = Refusals(burial, screen or Screen())
    if decoding:
        engine.transform = Transform(decompress, count_templates, True, 1 << 20, refusals=refusals)
    else:
        engine.transform = Transform(list, count_raw, False, 1 << 20, refusals=refusals)
    return engine


def dead(engine: Engine, partition: int = 0) -> list[tuple[bytes | None, Note]]:
    logs = engine.broker.topic("in.dead") or []
    letters: list[tuple[bytes | None, Note]] = []
    for batch in logs[partition].read_all() if logs else []:
        plain, notes = connector.unmarked(batch)
        for value, note in zip(plain.values, notes, strict=True):
            assert note is not None
            read = Note.from_bytes(note)
            assert read is not None
            letters.append((value, read))
    return letters


@pytest.mark.parametrize("once_only", [False, True], ids=["two steps", "one step"])
class TestBurying:
    async def run(self, engine: Engine, once_only: bool) -> None:
        if not once_only:
            await engine.run()
            return
        into = MemorySinkOptions(broker=engine.broker_name, topic="out")
        places = connector.burying(into, "{source}.dead")
        ends = Ends(*connector.exactly_once(engine.source._options, into, places, Context(once=True)))
        self.worker = Worker(ends, engine.transform, engine.options, Heartbeat(None))
        await self.worker.run()

    async def test_neighbours_of_a_bad_frame_go_on_and_it_is_kept_as_it_was(self, once_only: bool) -> None:
        engine = burying(Engine(partitions=2, max_messages=30))
        frames = compressed(numbered(100))
        frames[70] = frames[71] = BAD
        engine.write(frames, 1)
        await self.run(engine, once_only)
        messages = numbered(100)
        assert engine.written(1) == [*messages[:70], *messages[72:]]
        assert engine.settled(1) == 100
        (value, note), (_, second) = dead(engine, 1)
        assert value == BAD
        assert (note.topic, note.partition, note.position, second.position) == ("in", 1, "70", "71")
        assert (note.error, note.direction, note.codebook) == ("CorruptFrameError", "decode", "c0de")
        assert (note.reason, note.time, note.attempts) == ("its check does not match", NOW, 1)

    async def test_the_first_frame_may_be_bad_if_what_follows_proves_the_codebook(self, once_only: bool) -> None:
        engine = burying(Engine())
        engine.write([BAD, *compressed(numbered(5)), BAD])
        await self.run(engine, once_only)
        assert engine.written() == numbered(5)
        assert [value for value, _ in dead(engine)] == [BAD, BAD]

    async def test_a_codebook_that_nothing_vouches_for_makes_no_dead_letters(self, once_only: bool) -> None:
        engine = burying(Engine())
        engine.write([*compressed(numbered(2)), BAD, *compressed(numbered(1)), BAD])
        with pytest.raises(MessageError, match=r"position 2: .*nothing of this batch was published"):
            await self.run(engine, once_only)
        assert engine.written() == []
        assert dead(engine) == []
        assert engine.settled() == 0

    async def test_a_message_above_the_limit_is_not_tried(self, once_only: bool) -> None:
        engine = burying(Engine(), decoding=False, screen=Screen(max_message=20))
        engine.write([b"small", b"x" * 21, None, b"x" * 20])
        await self.run(engine, once_only)
        assert engine.written() == [b"small", None, b"x" * 20]
        ((value, note),) = dead(engine)
        assert value == b"x" * 21
        assert (note.error, note.reason) == ("RefusedMessageError", "21 bytes are more than limits.message")

    async def test_a_defect_of_the_codec_takes_no_neighbours_along(
        self, once_only: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        engine = burying(Engine(), decoding=False)

        def convert(values: list[bytes]) -> list[bytes]:
            if b"secret" in values:
                raise KeyError(b"secret")
            return values

        engine.transform = Transform(convert, count_raw, False, 1 << 20, refusals=engine.transform._refusals)
        engine.write([b"a", b"secret", b"b"])
        with caplog.at_level(logging.ERROR):
            await self.run(engine, once_only)
        assert engine.written() == [b"a", b"b"]
        ((value, note),) = dead(engine)
        assert (value, note.error) == (b"secret", "BrokenCodecError")
        assert "KeyError in convert" in note.reason
        assert "secret" not in caplog.text
        assert "in partition 0 position 1: a dead letter" in caplog.text


class TestUnwritable:
    async def test_what_the_output_refuses_is_kept_as_it_came_in(self) -> None:
        engine = burying(Engine(partitions=2), decoding=False)
        upper = engine.transform

        def convert(values: list[bytes]) -> list[bytes]:
            return [UNWRITABLE if value == b"too large" else value.upper() for value in values]

        engine.transform = Transform(convert, count_raw, False, 1 << 20, refusals=upper._refusals)
        engine.write([b"a", b"too large", b"b", b"too large"], 1)
        await engine.run()
        assert engine.written(1) == [b"A", b"B"]
        assert [(value, note.position) for value, note in dead(engine, 1)] == [(b"too large", "1"), (b"too large", "3")]
        assert dead(engine, 1)[0][1].error == "UnwritableMessageError"
        assert engine.settled(1) == 4
        assert engine.worker.statistics.dead_letters == 2
        assert (engine.worker.statistics.published, engine.worker.statistics.in_flight) == (2, 0)

    async def test_without_a_place_for_it_the_worker_stops(self) -> None:
        engine = Engine()
        engine.transform = Transform(list, count_raw, False, 1 << 20, refusals=Refusals(None, Screen(max_message=3)))
        engine.write([b"abc", b"abcd"])
        with pytest.raises(MessageError, match=r"position 1: cannot be encoded: 4 bytes are more than limits\.message"):
            await engine.run()
        assert engine.settled() == 1

    async def test_a_dead_letter_that_cannot_be_kept_anywhere_stops_it_too(self) -> None:
        engine = burying(Engine())
        assert engine.dead_letters is not None

        async def refuse(batches: Sequence[object]) -> None:
            raise UnwritableMessageError("too large", 0)

        engine.dead_letters.publish = refuse  # type: ignore[method-assign, assignment]
        engine.write([*compressed(numbered(5)), BAD])
        with pytest.raises(MessageError, match="position 5: its dead letter cannot be written: too large"):
            await engine.run()
        assert engine.settled() == 0

    async def test_a_place_for_dead_letters_that_is_away_stops_its_portion_and_loses_nothing(self) -> None:
        engine = burying(Engine())
        sink = engine.dead_letters
        assert sink is not None
        sink.hook = lambda: setattr(sink, "away", sink.publishes < 4)
        engine.write([*compressed(numbered(5)), BAD, *compressed(numbered(5))])
        await engine.run()
        assert engine.written() == [*numbered(5), *numbered(5)]
        assert [value for value, _ in dead(engine)] == [BAD]
        assert engine.settled() == 11
