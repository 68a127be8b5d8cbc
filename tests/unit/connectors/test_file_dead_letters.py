"""Dead letters in files: what is torn is not read, inputs are told apart by names, and no place is fed from itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aura_connectors.files import FilesConnector, FilesSink, FilesSinkOptions, FilesSource, FilesSourceOptions

from aura_stream.errors import ConfigError, MessageError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context

OUTPUT = FilesSinkOptions(path="out", framing="lines")
connector = FilesConnector()


async def bury(place: str, *values: bytes, source: str = "in") -> None:
    sink = FilesSink(connector.burying(OUTPUT, place), Context())
    try:
        await sink.start([Topic(source)])
        batch = Batch(Partition(source), values, range(len(values)))
        await sink.publish([connector.marked(batch, [b"note"] * len(values))])
    finally:
        await sink.stop()


async def look(place: str, *inputs: str, group: str = "g") -> list[bytes | None]:
    batches = connector.buried(connector.unearthing(OUTPUT, place, inputs or ["in"], group))
    return [value async for batch in batches for value in connector.unmarked(batch)[0].values]


async def test_what_was_never_acknowledged_is_not_read(tmp_path: Path) -> None:
    """A writer may be in the middle of it, or died there: then it is cut off, and must not have been settled."""
    path = tmp_path / "dead"
    await bury(str(path), b"one", b"two\nlines")
    whole = path.read_bytes()
    for torn in (whole[:-1], whole, b"\xff" * 9):
        path.write_bytes(whole + torn)
        assert await look(str(path)) == [b"one", b"two\nlines"]
        source = FilesSource(connector.unearthing(OUTPUT, str(path), ["in"], "g"), Context(once=True))
        await source.start()
        batches = await source.fetch(100, 1 << 20, 0.0)
        assert sum(map(len, batches)) == 2
        assert await source.fetch(100, 1 << 20, 0.0) == []
        await source.stop()


async def test_what_is_acknowledged_meanwhile_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    await bury(str(path), b"one")
    source = FilesSource(connector.unearthing(OUTPUT, str(path), ["in"], "g"), Context())
    await source.start()
    await source.settle(await source.fetch(100, 1 << 20, 0.0))
    await bury(str(path), b"two")
    (batch,) = await source.fetch(100, 1 << 20, 0.0)
    assert list(connector.unmarked(batch)[0].values) == [b"two"]
    await source.stop()
    assert await look(str(path)) == [b"two"]
    assert await look(str(path), group="other") == [b"one", b"two"]


async def test_a_file_without_an_acknowledged_length_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    await bury(str(path), b"one")
    (tmp_path / "dead.committed").unlink()
    assert await look(str(path)) == [b"one"]


async def test_damage_is_named_by_file_and_message(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    await bury(str(path), b"one", b"two")
    with path.open("r+b") as file:
        file.seek(-len(path.read_bytes()) // 2, os.SEEK_END)
        file.write(b"\xff" * 8)
    with pytest.raises(MessageError, match="dead message 2"):
        await look(str(path))


async def test_inputs_are_told_apart_by_the_name_of_the_file(tmp_path: Path) -> None:
    place = str(tmp_path / "{source}.dead")
    for name in ("a", "b"):
        await bury(place, name.encode(), source=name)
    assert await look(place, "b", "a") == [b"b", b"a"]
    assert await look(place, "c") == []


def test_a_folder_does_not_tell_inputs_apart() -> None:
    with pytest.raises(ConfigError, match=r"^dead_letter\.path: \{source\} belongs in the name of the file"):
        connector.burying(OUTPUT, "{source}/dead")


@pytest.mark.parametrize("name", ["a/b", "a\0"])
async def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^dead_letter\.path: the name .* cannot stand for \{source\} in a path"):
        await bury(str(tmp_path / "{source}.dead"), b"x", source=name)


@pytest.mark.parametrize("probe", [False, True])
async def test_a_place_that_cannot_be_written_is_named_by_its_key(tmp_path: Path, probe: bool) -> None:
    sink = FilesSink(connector.burying(OUTPUT, str(tmp_path / "nowhere" / "dead")), Context(probe=probe))
    with pytest.raises(ConfigError, match=r"^dead_letter\.path: "):
        await sink.start([Topic("in")])
    await sink.stop()


@pytest.mark.parametrize("path", ["in", "./in", "{source}"])
async def test_an_input_is_neither_an_output_nor_a_place_for_dead_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").write_bytes(b"one\n")
    (tmp_path / "in.committed").write_bytes(b"4\n")  # it was an output of ours once
    source = FilesSource(FilesSourceOptions(paths=[Path("in")], framing=None, group="g"), Context(probe=True))
    topics = await source.start()
    await source.stop()
    for options in (FilesSinkOptions(path=path, framing=None), connector.burying(OUTPUT, path)):
        sink = FilesSink(options, Context())
        with pytest.raises(ConfigError, match="output in is one of the inputs"):
            await sink.start(topics)
        await sink.stop()


async def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "dead").mkdir()
    with pytest.raises(ConfigError, match="dead"):
        await look(str(tmp_path / "dead"))
