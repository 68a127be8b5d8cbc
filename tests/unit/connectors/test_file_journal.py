"""The journal file: whole lines count, a torn end is kept aside, damage stays where it is."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aura_connectors.files import journal as module
from aura_connectors.files.journal import FileJournal, maker
from aura_connectors.files.options import FilesJournalOptions, FilesSinkOptions, FilesSourceOptions

from aura_stream.errors import ConfigError, UnavailableError

RECORDS = [b"one", b"\x00\n\xff", b"", b"three" * 100]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def journal(path: Path) -> FileJournal:
    return FileJournal(FilesJournalOptions(path=path), "orders")


def append(path: Path, *records: bytes, run: Callable[..., Any] = asyncio.run) -> None:
    async def work() -> None:
        writer = journal(path)
        await writer.start(create=True)
        await writer.append(records)

    run(work())


def read(path: Path, run: Callable[..., Any] = asyncio.run) -> list[bytes]:
    return list(run(journal(path).read()))


@pytest.fixture
def run() -> Iterator[Callable[..., Any]]:
    """An event loop for all calls of a test: to begin and end one takes longer than they do."""
    with asyncio.Runner() as runner:
        yield runner.run


def torn(path: Path) -> bytes:
    aside = path.with_name(f"{path.name}.torn")
    return aside.read_bytes() if aside.exists() else b""


def test_the_file_is_spelled_as_its_module_says(path: Path) -> None:
    append(path, b"Record one")
    assert path.read_bytes() == b"aura-journal 1\nUmVjb3JkIG9uZQ==\n"


@pytest.mark.untraced
def test_a_file_cut_anywhere_reads_as_a_prefix_and_goes_on(path: Path, run: Callable[..., Any]) -> None:
    append(path, *RECORDS)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        before = read(path, run)
        assert before == RECORDS[: len(before)]
        assert path.read_bytes() == whole[:cut]  # readers change nothing
        append(path, b"next", run=run)
        assert read(path, run) == [*before, b"next"]


def test_a_torn_end_is_kept_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    append(path, b"one")
    with path.open("ab") as file:
        file.write(b"dG9y")
    append(path, b"two")
    assert read(path) == [b"one", b"two"]
    assert torn(path) == b"dG9y\n"
    assert "4 bytes that were never acknowledged" in caplog.text
    assert "dG9y" not in caplog.text


def test_a_reader_stops_before_what_is_being_written(path: Path) -> None:
    append(path, b"one")

    async def work() -> None:
        reader = journal(path)
        assert list(await reader.read()) == [b"one"]
        with path.open("ab") as file:
            file.write(b"dHd")
        assert list(await reader.read()) == []
        with path.open("ab") as file:
            file.write(b"v\n")
        assert list(await reader.read()) == [b"two"]

    asyncio.run(work())


@pytest.mark.untraced
def test_a_flipped_byte_spoils_no_more_than_two_records(path: Path, run: Callable[..., Any]) -> None:
    append(path, *RECORDS)
    whole = path.read_bytes()
    for place in range(len(module.HEADER), len(whole) - 1):
        for bit in range(8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            records = read(path, run)
            assert sum(record in records for record in RECORDS) >= len(RECORDS) - 2


def test_a_long_torn_end_is_found(path: Path) -> None:
    append(path, b"one")
    with path.open("ab") as file:
        file.write(b"A" * 200_000)
    append(path, b"two")
    assert read(path) == [b"one", b"two"]
    assert len(torn(path)) == 200_001


@pytest.mark.parametrize("content", [b"a log of the user\n", b"no line at all", b"aura-journal 2\n", b"\n"])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no journal of ours"):
        append(path, b"one")
    if content.endswith(b"\n"):
        with pytest.raises(ConfigError, match="no journal of ours"):
            read(path)
    assert path.read_bytes() == content
    assert torn(path) == b""


def test_a_folder_that_is_missing_or_a_pipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        append(tmp_path / "nowhere" / "journal", b"one")
    with pytest.raises(ConfigError):
        append(tmp_path, b"one")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path)


def _change(path: Path, change: str) -> None:
    if change == "cut":
        os.truncate(path, path.stat().st_size - 1)
    elif change == "removed":
        path.unlink()
    else:
        other = path.with_name("other")
        other.write_bytes(path.read_bytes() + b"b25l\n")
        other.replace(path)


@pytest.mark.parametrize("change", ["removed", "cut", "replaced"])
def test_a_journal_that_lost_what_was_read_is_noticed(path: Path, change: str) -> None:
    append(path, b"one", b"two")

    async def work() -> None:
        reader = journal(path)
        assert len(await reader.read()) == 2
        _change(path, change)
        with pytest.raises(ConfigError, match="no longer holds"):
            await reader.read()
        await reader.start(create=False)
        assert len(await reader.read()) == {"removed": 0, "cut": 1, "replaced": 3}[change]

    asyncio.run(work())


def test_a_full_disk_leaves_the_journal_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, b"one")
    before = path.read_bytes()

    def write_half(descriptor: int, content: bytes, offset: int) -> None:
        os.pwrite(descriptor, content[: len(content) // 2], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", write_half)
        with pytest.raises(UnavailableError, match="No space left"):
            append(path, b"two", b"three")
    assert path.read_bytes() == before
    append(path, b"two")
    assert read(path) == [b"one", b"two"]


def test_whoever_cannot_have_the_lock_tries_again_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, b"one")
    monkeypatch.setattr(module, "LOCK_PATIENCE", 0.05)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match="another process"):
            append(path, b"two")
    append(path, b"two")
    assert read(path) == [b"one", b"two"]


_WRITER = """
import asyncio, sys
from pathlib import Path
from aura_connectors.files.journal import FileJournal
from aura_connectors.files.options import FilesJournalOptions

async def work(path, name):
    writer = FileJournal(FilesJournalOptions(path=Path(path)), "orders")
    await writer.start(create=True)
    for number in range(40):
        await writer.append([b"%b %d %d" % (name.encode(), number, part) for part in range(3)])

asyncio.run(work(*sys.argv[1:]))
"""


def test_several_processes_append_without_mixing_their_records(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, path, name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    records = read(path)
    for name in (b"a", b"b", b"c"):
        ours = [record for record in records if record.startswith(name)]
        assert ours == [b"%b %d %d" % (name, number, part) for number in range(40) for part in range(3)]
    assert len(records) == 3 * 40 * 3
    assert all(records[first][:-1] == records[first + 2][:-1] for first in range(0, len(records), 3))


@pytest.mark.parametrize(
    "connection",
    [
        FilesSinkOptions(path="day/out.frames"),
        FilesSinkOptions(path="day/{source}.aura"),
        FilesSinkOptions(path="day/{source}/frames"),
        FilesSourceOptions(paths=[Path("day/orders.log.aura")]),
    ],
)
def test_it_stands_in_the_folder_of_the_frames_whoever_looks(
    connection: FilesSinkOptions | FilesSourceOptions,
) -> None:
    options = maker.options_beside(connection, "orders")
    assert options == FilesJournalOptions(path=Path("day/aura-journal-orders"))
    assert maker.beside == "files"


def test_a_reading_that_was_given_up_moves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk answers when nobody waits any more: the next reading returns what that one found."""
    append(path, b"one", b"two")
    answers, over = threading.Event(), threading.Event()
    read_from = module._read_from
    unspell = module._unspell

    def slow(descriptor: int, offset: int) -> bytes:
        answers.wait(10.0)
        return read_from(descriptor, offset)

    def last(line: bytes) -> bytes:
        over.set()
        return unspell(line)

    async def work() -> list[bytes]:
        reader = journal(path)
        with monkeypatch.context() as patched:
            patched.setattr(module, "APPEND_TIMEOUT", 0.05)
            patched.setattr(module, "_read_from", slow)
            patched.setattr(module, "_unspell", last)
            with pytest.raises(UnavailableError, match="does not answer"):
                await reader.read()
            answers.set()
            assert await asyncio.to_thread(over.wait, 10.0)
        return list(await reader.read())

    assert asyncio.run(work()) == [b"one", b"two"]
