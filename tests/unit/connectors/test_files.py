"""Files: what a crash leaves behind is repaired, what is not ours is left alone, damage is named with its place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aura_connectors.files import FilesSink, FilesSource, connector

from aura_stream.errors import ConfigError, MessageError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.model.framing import MAX_ITEM, join_varint
from aura_stream.ports import Context

MAX_BYTES = 1 << 20


@asynccontextmanager
async def reading(context: Context | None = None, **options: Any) -> AsyncIterator[FilesSource]:
    source = connector.source(connector.source_options.model_validate(options), context or Context(once=True))
    assert isinstance(source, FilesSource)
    try:
        await source.start()
        yield source
    finally:
        await source.stop()


@asynccontextmanager
async def writing(*inputs: str, **options: Any) -> AsyncIterator[FilesSink]:
    sink = connector.sink(connector.sink_options.model_validate(options), Context(direction="decode"))
    assert isinstance(sink, FilesSink)
    try:
        await sink.start([Topic(name) for name in inputs or ["in"]])
        yield sink
    finally:
        await sink.stop()


def batch(*values: bytes | None, topic: str = "in") -> Batch:
    return Batch(Partition(topic), values, range(1, len(values) + 1))


async def write(path: Path, *values: bytes) -> None:
    async with writing(path=str(path)) as sink:
        await sink.publish([batch(*values)])


class TestWriting:
    @pytest.mark.parametrize("torn", [b"half a li", b"\x00" * 512, b"a whole line\n"])
    async def test_what_was_never_acknowledged_is_cut_off_at_the_next_start(self, tmp_path: Path, torn: bytes) -> None:
        path = tmp_path / "out"
        await write(path, b"one", b"two")
        with path.open("ab") as file:
            file.write(torn)
        await write(path, b"three")
        assert path.read_bytes() == b"one\ntwo\nthree\n"

    async def test_a_file_of_somebody_else_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        path.write_bytes(b"precious\n")
        with pytest.raises(ConfigError, match="was not written by this connector"):
            await write(path, b"one")
        assert path.read_bytes() == b"precious\n"

    async def test_a_file_that_lost_acknowledged_messages_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        await write(path, b"one", b"two")
        os.truncate(path, 5)
        with pytest.raises(ConfigError, match="shorter than what was acknowledged"):
            await write(path, b"three")

    async def test_a_file_that_was_removed_begins_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        await write(path, b"one")
        path.unlink()
        await write(path, b"two")
        assert path.read_bytes() == b"two\n"

    async def test_a_length_that_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        await write(path, b"one")
        (tmp_path / "out.committed").write_text("x")
        with pytest.raises(ConfigError, match="holds no length"):
            await write(path, b"two")

    async def test_two_writers_never_write_one_file(self, tmp_path: Path) -> None:
        async with writing(path=str(tmp_path / "out")):
            with pytest.raises(UnavailableError, match="being written by another process"):
                await write(tmp_path / "out", b"one")

    async def test_a_disk_that_fails_is_waited_for_and_nothing_half_written_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "out"
        async with writing(path=str(path)) as sink:
            await sink.publish([batch(b"one")])
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", _full)
                with pytest.raises(UnavailableError, match="No space left"):
                    await sink.publish([batch(b"a long message that takes much room")])
            await sink.publish([batch(b"two")])
        await write(path)
        assert path.read_bytes() == b"one\ntwo\n"

    async def test_each_input_has_a_file_of_its_own_where_the_path_says_so(self, tmp_path: Path) -> None:
        async with writing("a", "b", path=str(tmp_path / "{source}.out")) as sink:
            await sink.publish([batch(b"1", topic="a"), batch(b"2", topic="b"), batch(b"3", topic="a")])
        assert (tmp_path / "a.out").read_bytes() == b"1\n3\n"
        assert (tmp_path / "b.out").read_bytes() == b"2\n"

    @pytest.mark.parametrize("name", ["../x", "a/b", "a\0b"])
    async def test_the_name_of_an_input_never_leads_out_of_the_folder(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match="cannot stand for"):
            async with writing(name, path=str(tmp_path / "{source}")):
                pass

    async def test_a_missing_folder_is_a_mistake_in_the_configuration(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="No such file or directory"):
            await write(tmp_path / "none" / "out", b"one")
        sink = connector.sink(
            connector.sink_options(path=str(tmp_path / "none" / "out")), Context(direction="decode", probe=True)
        )
        with pytest.raises(ConfigError, match="does not exist, or may not be written"):
            await sink.start([Topic("in")])
        await sink.stop()

    async def test_a_line_feed_names_its_batch_and_its_place(self, tmp_path: Path) -> None:
        async with writing(path=str(tmp_path / "out"), framing="lines") as sink:
            with pytest.raises(UnwritableMessageError) as caught:
                await sink.publish([batch(b"a"), batch(b"b", b"c\nd")])
        assert (caught.value.batch, caught.value.index) == (1, 1)
        assert (tmp_path / "out").read_bytes() == b""


class TestReading:
    async def test_files_come_in_the_order_in_which_they_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_bytes(b"1\n2\n")
        (tmp_path / "a").write_bytes(b"3\n")
        async with reading(paths=[tmp_path / "b", tmp_path / "a"]) as source:
            batches = await source.fetch(10, MAX_BYTES, 0.0)
        assert [(b.partition.topic, list(b.values), list(b.positions)) for b in batches] == [
            ("b", [b"1", b"2"], [1, 2]),
            ("a", [b"3"], [1]),
        ]

    async def test_a_last_line_without_line_feed_is_a_message_at_the_end_only(self, tmp_path: Path) -> None:
        path = tmp_path / "in"
        path.write_bytes(b"one\r\ntw")
        async with reading(Context(), paths=[path]) as source:  # following the file: "tw" is still being written
            assert [list(b.values) for b in await source.fetch(10, MAX_BYTES, 0.0)] == [[b"one\r"]]
            with path.open("ab") as file:
                file.write(b"o\nthree")
            assert [list(b.values) for b in await source.fetch(10, MAX_BYTES, 5.0)] == [[b"two"]]
        async with reading(paths=[path]) as source:
            batches = await source.fetch(10, MAX_BYTES, 0.0)
            while more := await source.fetch(10, MAX_BYTES, 0.0):
                batches += more
            assert [value for b in batches for value in b.values] == [b"one\r", b"two", b"three"]
            await source.settle(batches)
            assert await source.finished()

    async def test_an_item_larger_than_a_block_is_read_whole(self, tmp_path: Path) -> None:
        large = b"x" * (5 << 20)
        (tmp_path / "in").write_bytes(join_varint([b"a", large, b"b"]))
        async with reading(paths=[tmp_path / "in"], framing="varint") as source:
            values: list[bytes | None] = []
            while len(values) < 3:
                values += [value for b in await source.fetch(10, MAX_BYTES, 0.0) for value in b.values]
        assert values == [b"a", large, b"b"]

    @pytest.mark.parametrize(
        ("tail", "what"),
        [
            (b"\x05abc", "message 3 at byte 4: the file ends 4 bytes into an item"),
            (b"\xff\xff\xff\xff\x7f", f"message 3 at byte 4: an item of more than {MAX_ITEM} bytes"),
            (b"\xff\xff", "message 3 at byte 4: the file ends 2 bytes into an item"),
        ],
    )
    async def test_damage_is_named_with_its_place_after_everything_before_it(
        self, tmp_path: Path, tail: bytes, what: str
    ) -> None:
        (tmp_path / "in").write_bytes(join_varint([b"a", b"b"]) + tail)
        async with reading(paths=[tmp_path / "in"], framing="varint") as source:
            assert [list(b.values) for b in await source.fetch(10, MAX_BYTES, 0.0)] == [[b"a", b"b"]]
            for _ in range(2):
                with pytest.raises(MessageError, match=what):
                    await source.fetch(10, MAX_BYTES, 0.0)

    @pytest.mark.parametrize("content", [b"other content\n", b"1\n"])
    async def test_a_file_that_was_replaced_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "in"
        path.write_bytes(b"1\n2\n3\n")
        async with reading(paths=[path]) as source:
            await source.settle(await source.fetch(10, MAX_BYTES, 0.0))
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"is not the file whose position stands in in\.aura\.position"):
            async with reading(paths=[path]):
                pass

    async def test_a_file_that_is_cut_short_while_it_is_read_is_noticed(self, tmp_path: Path) -> None:
        path = tmp_path / "in"
        path.write_bytes(b"1\n2\n3\n")
        async with reading(Context(), paths=[path]) as source:
            await source.fetch(10, MAX_BYTES, 0.0)
            os.truncate(path, 2)
            with pytest.raises(ConfigError, match="cut short"):
                await source.fetch(10, MAX_BYTES, 0.0)

    @pytest.mark.parametrize("kept", ["{", "[]", '{"offset": "two", "messages": 1, "head": ""}'])
    async def test_a_position_that_cannot_be_read_is_refused(self, tmp_path: Path, kept: str) -> None:
        (tmp_path / "in").write_bytes(b"1\n")
        (tmp_path / "in.aura.position").write_text(kept)
        with pytest.raises(ConfigError, match="no position can be read"):
            async with reading(paths=[tmp_path / "in"]):
                pass

    async def test_a_position_that_cannot_be_kept_is_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "in").write_bytes(b"1\n2\n")
        async with reading(paths=[tmp_path / "in"]) as source:
            batches = await source.fetch(10, MAX_BYTES, 0.0)
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", _full)
                with pytest.raises(UnavailableError, match="No space left"):
                    await source.settle(batches)
            await source.settle(batches)
            assert await source.finished()

    async def test_groups_have_positions_of_their_own(self, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"1\n")
        async with reading(paths=[tmp_path / "in"], group="a") as source:
            await source.settle(await source.fetch(10, MAX_BYTES, 0.0))
        async with reading(paths=[tmp_path / "in"], group="b") as source:
            assert len(await source.fetch(10, MAX_BYTES, 0.0)) == 1

    async def test_a_file_that_takes_the_name_of_the_one_that_is_read_is_noticed(self, tmp_path: Path) -> None:
        """As log rotation does: without --once it would wait for the old file to grow, for ever."""
        path = tmp_path / "in"
        path.write_bytes(b"one\n")
        async with reading(Context(), paths=[path]) as source, reading(paths=[path]) as once:
            path.rename(tmp_path / "in.1")
            with (tmp_path / "in.1").open("ab") as file:
                file.write(b"two\n")
            (batch,) = await source.fetch(10, MAX_BYTES, 0.0)
            assert list(batch.values) == [b"one", b"two"]
            assert await source.fetch(10, MAX_BYTES, 0.0) == []
            path.write_bytes(b"three\n")
            with pytest.raises(ConfigError, match="was replaced by another file"):
                await source.fetch(10, MAX_BYTES, 0.0)
            assert len(await once.fetch(10, MAX_BYTES, 0.0)) == 1
            assert await once.fetch(10, MAX_BYTES, 0.0) == []

    async def test_waiting_for_a_file_to_grow_leaves_the_loop_free(self, tmp_path: Path) -> None:
        (tmp_path / "in").touch()
        async with reading(Context(), paths=[tmp_path / "in"]) as source:
            waiting = asyncio.create_task(source.fetch(10, MAX_BYTES, 20.0))
            await asyncio.sleep(0.01)
            (tmp_path / "in").write_bytes(b"now\n")
            assert [list(b.values) for b in await waiting] == [[b"now"]]


class TestOtherThanFiles:
    """A pipe would hold up the whole worker until somebody writes to it, a folder fails at the first read."""

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
    async def test_an_input_must_be_a_regular_file(self, tmp_path: Path, make: Callable[[Path], None]) -> None:
        make(tmp_path / "in")
        with pytest.raises(ConfigError, match="in is not a regular file"):
            async with reading(paths=[tmp_path / "in"]):
                pass

    async def test_an_output_must_be_a_regular_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "out")
        with pytest.raises(ConfigError, match="out is not a regular file"):
            async with writing(path=str(tmp_path / "out")):
                pass

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
    async def test_a_probe_says_so_too(self, tmp_path: Path, make: Callable[[Path], None]) -> None:
        make(tmp_path / "out")
        sink = connector.sink(
            connector.sink_options(path=str(tmp_path / "out")), Context(direction="decode", probe=True)
        )
        with pytest.raises(ConfigError, match="out is not a regular file"):
            await sink.start([Topic("in")])
        await sink.stop()


class TestOptions:
    @pytest.mark.parametrize(
        ("direction", "side", "mapping"), [("encode", "sink", {"path": "x"}), ("decode", "source", {"paths": ["x"]})]
    )
    def test_frames_are_never_lines(self, direction: Any, side: str, mapping: dict[str, Any]) -> None:
        build = getattr(connector, side)
        options = getattr(connector, f"{side}_options").model_validate(mapping | {"framing": "lines"})
        with pytest.raises(ConfigError, match="frames may contain line feeds"):
            build(options, Context(direction=direction))

    def test_two_files_of_one_name_are_refused(self) -> None:
        with pytest.raises(ValueError, match="the same name"):
            connector.source_options(paths=["a/x", "b/x"])


def _full(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")
