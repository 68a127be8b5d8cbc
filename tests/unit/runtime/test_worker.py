"""The loop publishes in order, settles only what was acknowledged, and outlasts what is away."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from aura_stream.errors import ConfigError, MessageError, UnavailableError
from aura_stream.runtime import Heartbeat, Transform
from tests.unit.runtime.engine import (
    BAD,
    UNWRITABLE,
    Engine,
    compressed,
    count_raw,
    decoding,
    eventually,
    finish,
    numbered,
)

POISON = b"a message that no client can read"


class TestRunning:
    async def test_once_ends_when_the_input_is_through(self) -> None:
        engine = Engine(partitions=2)
        messages = numbered(950)
        engine.write(messages, 0)
        engine.write([None, b"", b"x"], 1)
        await engine.run()
        assert engine.written(0) == messages
        assert engine.written(1) == [None, b"", b"x"]
        assert (engine.settled(0), engine.settled(1)) == (950, 3)
        statistics = engine.worker.statistics
        assert (statistics.fetched, statistics.published, statistics.settled) == (953, 953, 953)
        assert (statistics.dropped, statistics.in_flight, statistics.lag) == (0, 0, 0)
        assert (engine.source.stopped, engine.sink.stopped) == (1, 1)

    async def test_without_once_it_runs_until_it_is_told_to_stop(self) -> None:
        engine = Engine(once=False)
        running = asyncio.create_task(engine.run())
        engine.write(numbered(5))
        await eventually("the first five", lambda: engine.settled() == 5)
        engine.write(numbered(3))
        await eventually("the other three", lambda: engine.settled() == 8)
        engine.worker.stop()
        await finish(running)
        assert engine.written() == [*numbered(5), *numbered(3)]

    async def test_the_next_messages_are_transformed_while_the_last_are_published(self) -> None:
        engine = Engine(max_messages=10)
        engine.write(numbered(50))
        engine.sink.held.clear()
        running = asyncio.create_task(engine.run())
        await eventually("two portions in flight", lambda: engine.worker.statistics.fetched == 20)
        await asyncio.sleep(0.1)  # long enough for a third portion, if there were no bound
        assert engine.worker.statistics.fetched == 20
        assert engine.sink.publishes == 1
        engine.sink.held.set()
        await finish(running)
        assert engine.written() == numbered(50)

    async def test_it_counts_what_vanished_from_the_input_and_how_often_partitions_came(self) -> None:
        engine = Engine()
        engine.write(numbered(5))
        engine.source.lost, engine.source.rebalances = 7, 2  # type: ignore[attr-defined]
        await engine.run()
        assert (engine.worker.statistics.lost, engine.worker.statistics.rebalances) == (7, 2)

    async def test_a_source_that_can_lose_nothing_need_not_say_so(self) -> None:
        engine = Engine()
        await engine.run()
        assert (engine.worker.statistics.lost, engine.worker.statistics.rebalances) == (0, 0)

    async def test_the_codec_runs_in_one_thread_of_its_own(self) -> None:
        engine, threads = Engine(max_messages=10), set[str]()

        def convert(values: list[bytes]) -> list[bytes]:
            threads.add(threading.current_thread().name)
            return values

        engine.transform = Transform(convert, count_raw, decoding=False, max_bytes=1 << 20)
        engine.write(numbered(50))
        await engine.run()
        assert len(threads) == 1
        assert threads.pop().startswith("aura-codec")

    async def test_the_heartbeat_is_renewed(self, tmp_path: Path) -> None:
        engine = Engine(once=False)
        engine.heartbeat = tmp_path / "alive"
        running = asyncio.create_task(engine.run())
        await eventually("the first beat", engine.heartbeat.exists)
        os.utime(engine.heartbeat, (0, 0))
        await eventually("another beat", lambda: (tmp_path / "alive").stat().st_mtime > 0)
        engine.worker.stop()
        await finish(running)

    async def test_a_heartbeat_that_fails_later_is_told_once_and_stops_nothing(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = tmp_path / "run"
        folder.mkdir()
        heartbeat = Heartbeat(folder / "alive")
        heartbeat.begin()
        (folder / "alive").unlink()
        folder.rmdir()
        for _ in range(3):
            heartbeat.beat()
        folder.mkdir()
        heartbeat.beat()
        assert (folder / "alive").exists()
        assert [record.getMessage() for record in caplog.records] == [
            f"heartbeat: {folder / 'alive'}: No such file or directory"
        ]

    async def test_a_heartbeat_that_cannot_be_written_is_a_mistake_in_the_configuration(self, tmp_path: Path) -> None:
        engine = Engine()
        engine.heartbeat = tmp_path / "no folder" / "alive"
        with pytest.raises(ConfigError, match="no folder"):
            await engine.run()


class TestOutages:
    async def test_a_sink_that_is_away_is_waited_for_and_the_source_kept_alive(self) -> None:
        engine = Engine()
        engine.write(numbered(30))
        engine.sink.hook = lambda: setattr(engine.sink, "away", engine.source.kept_alive < 1)
        await engine.run()
        assert engine.written() == numbered(30)
        assert engine.sink.publishes > 1
        side = engine.worker.statistics.sides["the output"]
        assert (side.failures, side.breaker) == (engine.sink.publishes - 1, "closed")

    async def test_a_source_that_is_away_is_waited_for(self) -> None:
        engine = Engine(once=False)
        running = asyncio.create_task(engine.run())
        engine.write(numbered(5))
        await eventually("the first five", lambda: engine.settled() == 5)
        engine.source.away = True
        engine.write(numbered(3))
        await asyncio.sleep(0.1)  # some failures
        engine.source.away = False
        await eventually("the other three", lambda: engine.settled() == 8)
        engine.worker.stop()
        await finish(running)
        assert engine.written() == [*numbered(5), *numbered(3)]

    async def test_settling_that_fails_is_repeated_without_publishing_again(self) -> None:
        engine = Engine()
        engine.write(numbered(10))
        engine.sink.hook = lambda: setattr(engine.source, "away", True)
        running = asyncio.create_task(engine.run())
        await eventually("the publish", lambda: len(engine.written()) == 10)
        assert engine.settled() == 0
        engine.source.away = False
        await finish(running)
        assert engine.settled() == 10
        assert engine.written() == numbered(10)

    async def test_a_source_that_cannot_tell_its_end_yet_is_asked_again(self) -> None:
        engine = Engine()
        engine.write(numbered(5))
        finished, asked = engine.source.finished, 0

        async def finished_at_last() -> bool:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise UnavailableError("the input is away")
            return await finished()

        engine.source.finished = finished_at_last  # type: ignore[method-assign]
        await engine.run()
        assert asked >= 3
        assert engine.settled() == 5

    @pytest.mark.parametrize("side", ["source", "sink"])
    async def test_a_side_that_never_answers_ends_the_start(self, side: str) -> None:
        engine = Engine(startup_timeout=0.5)
        getattr(engine, side).away = True
        with pytest.raises(UnavailableError, match="put is away"):
            await engine.run()
        assert (engine.source.stopped, engine.sink.stopped) == (1, 1)

    @pytest.mark.parametrize("side", ["source", "sink"])
    async def test_a_side_that_answers_late_is_waited_for(self, side: str) -> None:
        engine = Engine()
        engine.write(numbered(3))
        getattr(engine, side).away = True
        asyncio.get_running_loop().call_later(0.3, lambda: setattr(getattr(engine, side), "away", False))
        await engine.run()
        assert engine.written() == numbered(3)

    async def test_a_start_that_hangs_is_cut_off(self) -> None:
        engine = Engine(startup_timeout=0.2)

        async def hang() -> list[object]:
            await asyncio.sleep(60)
            return []

        engine.source.start = hang  # type: ignore[method-assign, assignment]
        with pytest.raises(UnavailableError, match="no answer within"):
            await engine.run()

    async def test_it_can_be_stopped_while_it_waits_for_the_start(self) -> None:
        engine = Engine(startup_timeout=60.0)
        engine.source.away = True
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(0.05)
        engine.worker.stop()
        await finish(running)
        assert engine.worker.statistics.fetched == 0


class TestOwnership:
    async def test_what_is_not_ours_any_more_is_dropped_before_it_is_published(self) -> None:
        engine = Engine(once=False)
        engine.write(numbered(10))

        def taken_over_while_the_sink_is_away() -> None:
            engine.sink.away = True
            engine.broker.join("aura")

        engine.sink.hook = taken_over_while_the_sink_is_away
        running = asyncio.create_task(engine.run())
        await eventually("the drop", lambda: engine.worker.statistics.dropped == 10)
        engine.worker.stop()
        await finish(running)
        assert engine.written() == []
        assert engine.settled() == 0
        assert engine.worker.statistics.in_flight == 0

    async def test_what_was_taken_over_while_it_was_published_counts_as_dropped_and_not_as_settled(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        engine = Engine(once=False)
        engine.write(numbered(10))
        engine.sink.hook = lambda: engine.broker.join("aura")
        running = asyncio.create_task(engine.run())
        await eventually("the drop", lambda: engine.worker.statistics.dropped == 10)
        engine.worker.stop()
        await finish(running)
        statistics = engine.worker.statistics
        assert (statistics.settled, statistics.published, engine.settled()) == (0, 0, 0)
        assert any("left to their new owner: in/0" in message for message in caplog.messages)


class TestBadMessages:
    async def test_everything_before_an_undecodable_message_is_published_and_settled(self) -> None:
        engine = Engine(partitions=2, max_messages=30)
        engine.transform = decoding()
        frames = compressed(numbered(100))
        frames[70] = BAD
        engine.write(frames, 1)
        with pytest.raises(MessageError, match="in partition 1 position 70: cannot be decoded: its check") as caught:
            await engine.run()
        assert (caught.value.partition, caught.value.position) == ("in/1", 70)
        assert engine.written(1) == numbered(70)
        assert engine.settled(1) == 70

    async def test_nulls_before_it_do_not_shift_its_place(self) -> None:
        engine = Engine()
        engine.transform = decoding()
        engine.write([None, *compressed(numbered(5)), None, None, BAD, *compressed(numbered(5))])
        with pytest.raises(MessageError, match="position 8"):
            await engine.run()
        assert engine.written() == [None, *numbered(5), None, None]
        assert engine.settled() == 8

    async def test_a_first_batch_that_does_not_prove_the_codebook_is_not_published(self) -> None:
        engine = Engine()
        engine.transform = decoding()
        engine.write([*compressed(numbered(3)), BAD])
        with pytest.raises(MessageError, match=r"position 3: .*nothing of this batch was published"):
            await engine.run()
        assert engine.written() == []
        assert engine.settled() == 0

    async def test_an_unwritable_message_stops_it_with_everything_before_it_settled(self) -> None:
        engine = Engine(partitions=2)
        engine.write(numbered(5), 0)
        engine.write([b"a", b"b", UNWRITABLE, b"c"], 1)
        with pytest.raises(MessageError, match="in partition 1 position 2: cannot be written: too large"):
            await engine.run()
        assert (engine.settled(0), engine.settled(1)) == (5, 2)
        assert engine.written(1) == [b"a", b"b"]

    async def test_a_message_that_cannot_be_read_stops_it_with_everything_before_it_settled(self) -> None:
        engine = Engine()
        engine.write(numbered(5))
        fetch = engine.source.fetch

        async def poisoned(max_messages: int, max_bytes: int, timeout: float) -> list[object]:
            batches = await fetch(max_messages, max_bytes, timeout)
            if not batches:
                raise MessageError("in partition 0 position 5: unreadable", "in/0", 5)
            return list(batches)

        engine.source.fetch = poisoned  # type: ignore[method-assign, assignment]
        with pytest.raises(MessageError, match="position 5: unreadable"):
            await engine.run()
        assert engine.settled() == 5

    async def test_an_error_of_ours_is_not_hidden(self) -> None:
        engine = Engine()
        engine.write(numbered(5))

        def hook() -> None:
            raise ZeroDivisionError

        engine.sink.hook = hook
        with pytest.raises(ZeroDivisionError):
            await engine.run()
        assert engine.settled() == 0


async def test_frames_that_become_very_large_are_published_in_portions() -> None:
    engine = Engine(max_messages=2000)
    engine.transform = decoding(max_bytes=100_000)
    engine.write(compressed(numbered(10)))
    large: list[bytes | None] = [b"0" * 1000] * 1500
    engine.write(compressed(large))
    await engine.run()
    assert engine.written() == [*numbered(10), *large]
    assert max(engine.source.settled_sizes) <= 100 + 10
