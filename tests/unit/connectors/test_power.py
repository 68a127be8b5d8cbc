"""What was acknowledged is there after a power failure, and what is read again is whole."""

from __future__ import annotations

from pathlib import Path

from aura_connectors.files import connector
from aura_connectors.files.journal import FileJournal
from aura_connectors.files.options import FilesJournalOptions

from aura_stream.codec import Codebook
from aura_stream.model import Batch, Partition, Topic
from aura_stream.model.framing import split_varint
from aura_stream.ports import Context
from aura_stream.store.entry import Entry
from aura_stream.store.mirror import FolderMirror
from tests.infra.disk import Disk, disk

__all__ = ["disk"]

RECORDS = [Entry("template", 0, 0, number, b"p" * 16, b"body %d" % number).to_bytes() for number in range(5)]


def batch(*values: bytes, first: int = 1) -> Batch:
    return Batch(Partition("in"), values, range(first, first + len(values)))


async def test_messages_that_an_output_file_acknowledged(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "out"
    options = connector.sink_options.model_validate({"path": str(path)})
    sink = connector.sink(options, Context(direction="encode"))
    await sink.start([Topic("in")])
    for number in range(3):
        await sink.publish([batch(b"message %d" % number)])
    await sink.stop()
    disk.fail()
    again = connector.sink(options, Context(direction="encode"))
    await again.start([Topic("in")])  # it would refuse a file that is shorter than what was acknowledged
    await again.publish([batch(b"message 3")])
    await again.stop()
    assert split_varint(path.read_bytes(), 0, 100, 1 << 20).values == [b"message %d" % number for number in range(4)]


async def test_positions_that_were_settled(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"one\ntwo\nthree\n")
    disk._remember_all()  # the input is somebody else's, and durable
    options = connector.source_options.model_validate({"paths": [str(path)]})
    source = connector.source(options, Context(once=True))
    await source.start()
    (first,) = await source.fetch(2, 1 << 20, 1.0)
    await source.settle([first])
    await source.stop()
    disk.fail()
    again = connector.source(options, Context(once=True))
    await again.start()
    (rest,) = await again.fetch(10, 1 << 20, 1.0)
    await again.stop()
    assert list(rest.values) == [b"three"]


async def test_records_that_a_journal_acknowledged(tmp_path: Path, disk: Disk) -> None:
    options = FilesJournalOptions(path=tmp_path / "journal")
    journal = FileJournal(options, "orders")
    await journal.start(create=True)
    await journal.append(RECORDS[:2])
    await journal.append(RECORDS[2:])
    await journal.stop()
    disk.fail()
    assert list(await FileJournal(options, "orders").read()) == RECORDS


async def test_records_that_a_journal_gave_back_stay_there(tmp_path: Path, disk: Disk) -> None:
    """Whoever wrote them died before they were durable; a reader that has used them must not see them vanish."""
    options = FilesJournalOptions(path=tmp_path / "journal")
    journal = FileJournal(options, "orders")
    await journal.start(create=True)
    await journal.append(RECORDS[:2])
    before = options.path.read_bytes()
    await journal.append(RECORDS[2:])
    await journal.stop()
    after = options.path.read_bytes()
    options.path.write_bytes(before)
    disk._remember_all()
    with options.path.open("ab") as file:
        file.write(after[len(before) :])
    read = list(await FileJournal(options, "orders").read())
    disk.fail()
    assert list(await FileJournal(options, "orders").read()) == read == RECORDS


async def test_records_of_a_mirror(tmp_path: Path, disk: Disk) -> None:
    mirror = FolderMirror(tmp_path, "orders", "run")
    await mirror.open()
    await mirror.append(RECORDS)
    mirror.close()
    disk.fail()
    content = await FolderMirror(tmp_path, "orders", "run").open()
    assert list(content.records) == RECORDS


def test_a_codebook_that_was_saved(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "orders.book"
    Codebook(check_bytes=2).save(path)
    disk.fail()
    assert Codebook.load(path).check_bytes == 2
