"""Row 30: what a later version wrote is refused with a typed error, or left alone; never guessed at, never overwritten."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from aura_connectors import mapping
from aura_connectors.files.journal import HEADER, FileJournal
from aura_connectors.files.options import FilesJournalOptions
from aura_connectors.mapping import FORMAT as METADATA_FORMAT
from aura_connectors.redis_streams.log_layout import FORMAT as LOG_FORMAT
from aura_connectors.redis_streams.log_layout import to_state

from aura_stream import Codebook, CorruptFrameError, HybridCodec, Miner
from aura_stream.codec.bookfile import MAGIC
from aura_stream.codec.slots.types import kind_of
from aura_stream.codec.template import Template, digest_of
from aura_stream.codec.wire import FORMAT, MARKERS, TEMPLATE_BASE
from aura_stream.errors import CodebookError, ConfigError, DecodeError
from aura_stream.model.note import VERSION as NOTE_VERSION
from aura_stream.model.note import Note
from aura_stream.runtime.checkpoint import MAGIC as CHECKPOINT_MAGIC
from aura_stream.runtime.checkpoint import Checkpoint, Saved
from aura_stream.store import FileStore, FolderMirror
from aura_stream.store.bodies import Namespace, NewerFormatError
from aura_stream.store.entry import Entry
from aura_stream.store.ledger import Ledger
from tests.fuzz.recording import recorded
from tests.unit.codec.books import INTEGER, TEMPLATES, by_hand
from tests.unit.store.world import FIRST, NAME, World

KNOWN = {*range(TEMPLATE_BASE, TEMPLATE_BASE + 23), *range(0x99, 0x99 + 23), 0xC1, 0xFC, 0xFD, 0xFE}


def _codecs() -> list[HybridCodec]:
    return [HybridCodec(Codebook(0)), HybridCodec(by_hand(1)), HybridCodec(by_hand(4, "marked"))]


def test_markers_of_later_versions_are_refused(request: pytest.FixtureRequest, seed: int) -> None:
    later = sorted(MARKERS - KNOWN)
    frames = [bytes((marker,)) + rest for marker in later for rest in (b"", b"\x00", b"hello, world")]
    frames += [b"\xfe" + bytes((method,)) + b"\x00hello" for method in range(256) if method not in (1, 2)]
    with recorded(request, seed, 3 * len(frames), "frames") as result:
        for codec in _codecs():
            for frame in frames:
                for call in (codec.decode, codec.peek, codec.explain):
                    with pytest.raises(CorruptFrameError):
                        call(frame)
                result.fired = {"frames": result.fired.get("frames", 0) + 1}


def test_controls_and_slot_types_of_later_versions_are_refused(request: pytest.FixtureRequest, seed: int) -> None:
    """In frames, and in the templates of a codebook."""
    codec = HybridCodec(by_hand(0))
    items = [bytes((code,)) + bytes(9) for code in (0xFC, 0xFD, 0xFE, 0xFF)]
    items += [b"\xfb" + bytes((kind,)) + bytes(9) for kind in range(15, 256)]
    with recorded(request, seed, len(items) + 240, "frames and templates") as result:
        for item in items:
            with pytest.raises(CorruptFrameError):
                codec.decode(b"\x82" + item)
        for kind in range(16, 256):
            with pytest.raises(CodebookError, match="does not exist in this version"):
                Template.from_body(msgpack.packb([[kind, 0]]))
        assert Template.from_body(msgpack.packb([[kind_of(INTEGER), 0]])).symbols == (INTEGER,)
        result.fired = {"frames and templates": len(items) + 240}


def _book(version: int = FORMAT, *records: object) -> bytes:
    out = b"".join(msgpack.packb(each) for each in ([MAGIC, version, 1, "plain"], *records))
    return out + bytes(msgpack.packb(["end", len(records), digest_of(out)]))


def _note(version: int) -> bytes:
    note = json.loads(Note("why", "Error", "encode", "orders", 0, "1", 0.0).to_bytes())
    return json.dumps(note | {"version": version}).encode()


def _namespace(version: int) -> bytes:
    body = msgpack.packb([version, *msgpack.unpackb(Namespace(NAME, 1, "plain", "id").to_body())[1:]])
    return Entry("namespace", 0, -1, 0, b"", body).to_bytes()


def _later_kind(kind: str) -> bytes:
    packed = msgpack.packb([kind, 0, 0, 0, b"", b"body"])
    return bytes(packed + digest_of(packed))


async def _later_journal(version: int, folder: Path) -> None:
    path = folder / "journal"
    path.write_bytes(HEADER.replace(b"1", b"%d" % version))
    before = path.read_bytes()
    journal = FileJournal(FilesJournalOptions(path=path), NAME)
    try:
        await journal.start(create=False)
        await journal.read()
    finally:
        with pytest.raises(ConfigError) if version != 1 else nullcontext():
            await journal.append([])
        assert path.read_bytes() == before


async def _later_store_file(version: int, folder: Path) -> None:
    path = folder / "orders.book"
    path.write_bytes(_book(version))
    await FileStore(path).start()


async def _later_journal_of_a_store(version: int, folder: Path) -> None:
    world = World()
    world.journal.records.append(_namespace(version))
    try:
        await world.store().start()
    finally:
        if version != FORMAT:
            with pytest.raises(NewerFormatError):
                await world.store().promote(FIRST)
            assert len(world.journal.records) == 1


async def _later_mirror(version: int, folder: Path) -> None:
    mirror = FolderMirror(folder, NAME, "run")
    await mirror.open()
    await mirror.append([_namespace(version)])
    mirror.close()
    assert mirror.path is None
    path = folder / NAME / "run-0" / "entries"
    before = path.read_bytes()
    try:
        await World(folder).store("run").start()
    finally:
        assert path.read_bytes() == before  # nothing of it is taken for damage


async def _later_log(version: int, _: Path) -> None:
    to_state([b"%d" % version, b"id", b"0", b"0:1", b"0:1", bytes(16)], 0, "the log")


async def _later_snapshot(version: int, _: Path) -> None:
    Miner.restored(msgpack.packb([version, *msgpack.unpackb(Miner().snapshot())[1:]]))


STORED: dict[str, tuple[Callable[[int, Path], Awaitable[None]], type[Exception]]] = {
    "codebook file": (_later_store_file, CodebookError),
    "file journal": (_later_journal, ConfigError),
    "namespace in a journal": (_later_journal_of_a_store, NewerFormatError),
    "namespace in a mirror": (_later_mirror, NewerFormatError),
    "log header": (_later_log, ConfigError),
    "snapshot of a miner": (_later_snapshot, ValueError),
}


@pytest.mark.parametrize("name", STORED)
async def test_a_later_format_is_refused_and_left_as_it_is(
    request: pytest.FixtureRequest, seed: int, name: str, tmp_path: Path
) -> None:
    attempt, error = STORED[name]
    with recorded(request, seed, 2, "versions") as result:
        (tmp_path / "now").mkdir()
        await attempt(FORMAT, tmp_path / "now")  # which is read
        for version in (2, 9):
            folder = tmp_path / str(version)
            folder.mkdir()
            with pytest.raises(error):
                await attempt(version, folder)
        result.fired = {"versions": 2}


def test_entries_of_later_kinds_are_refused_where_they_stand(request: pytest.FixtureRequest, seed: int) -> None:
    """In a codebook file, a journal and a shared log."""
    with recorded(request, seed, 2, "kinds") as result:
        body = b"something new"
        with pytest.raises(CodebookError, match="entry 0: this kind of entry is not known here"):
            Codebook.from_bytes(_book(FORMAT, ["pattern", digest_of(body), body]))
        ledger = Ledger()
        assert ledger.apply(_namespace(FORMAT)).verdict == "applied"
        outcome = ledger.apply(_later_kind("pattern"))
        assert (outcome.verdict, outcome.reason) == ("damaged", "it is of a kind that is not known here")
        assert ledger.book == Codebook()
        result.fired = {"kinds": 2}


def test_what_travels_beside_messages_in_a_later_version_is_kept_as_it_is(
    request: pytest.FixtureRequest, seed: int, tmp_path: Path
) -> None:
    """Notes of dead letters, metadata of records in a stream, checkpoints: none is worth a message."""
    with recorded(request, seed, 3, "versions") as result:
        assert Note.from_bytes(_note(NOTE_VERSION)) is not None
        assert Note.from_bytes(_note(NOTE_VERSION + 1)) is None
        row = [None, 7, 0, [], 0]
        assert mapping._read_record(msgpack.packb([METADATA_FORMAT, *row])) is not None
        assert mapping._read_record(msgpack.packb([METADATA_FORMAT + 1, *row])) is None
        path = tmp_path / "checkpoint"
        kept = Checkpoint(path)
        kept.open()
        kept.save(Saved(1.0, 2.0, b"miner"))
        kept.close()
        assert Checkpoint(path).open() == Saved(1.0, 2.0, b"miner")
        (tmp_path / "other").mkdir()
        later = tmp_path / "other" / "checkpoint"
        later.write_bytes(path.read_bytes().replace(CHECKPOINT_MAGIC, b"AURACKP2"))
        assert Checkpoint(later).open() is None
        result.fired = {"versions": 3}


def test_an_old_reader_takes_the_frames_of_a_longer_book_for_unknown_and_never_for_others(
    request: pytest.FixtureRequest, seed: int
) -> None:
    """The other mix: the same version, another age of the codebook."""
    new = by_hand(4)
    old = replace(new, generations=(replace(new.generations[0], templates=TEMPLATES[:3]),))
    messages = [b"user=%d id=123e4567-e89b-12d3-a456-426614174000 hello world %d" % (n, n * n) for n in range(50)]
    with recorded(request, seed, len(messages), "frames") as result:
        reader = HybridCodec(old)
        for message, frame in zip(messages, HybridCodec(new, "batched").encode_batch(messages), strict=True):
            with suppress(DecodeError):
                assert reader.decode(frame) == message
        result.fired = {"frames": len(messages)}


assert LOG_FORMAT == FORMAT == 1  # with another one the versions above are no later ones
