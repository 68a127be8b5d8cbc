"""A codebook file that grows: followed, extended by one writer at a time, and never exchanged for another unnoticed."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

import pytest

from aura_stream.codec import Codebook, Proposal, Template
from aura_stream.codec.codebook import CollisionError
from aura_stream.errors import CodebookError, ConfigError, StoreLostError, UnavailableError
from aura_stream.store import FileStore, Properties
from aura_stream.store import file as module
from tests.unit.store.world import FIRST, ONE, SECOND, THREE, problems

BOOK = Codebook().extended(FIRST)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    BOOK.save(tmp_path / "orders.book")
    return tmp_path / "orders.book"


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _remove(path: Path) -> None:
    path.unlink()


def _make_folder(path: Path) -> None:
    path.mkdir()


async def _started(path: Path) -> FileStore:
    store = FileStore(path)
    assert await store.start() == Codebook.load(path)
    return store


async def test_a_missing_file_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make it with: aura-stream train"):
        await FileStore(tmp_path / "missing").start()


async def test_a_file_that_cannot_be_read_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        await FileStore(tmp_path).start()


async def test_a_damaged_file_is_named(path: Path) -> None:
    _write(path, BOOK.to_bytes()[:-1])
    with pytest.raises(CodebookError, match=r"orders\.book"):
        await FileStore(path).start()


async def test_a_replaced_file_is_followed(path: Path) -> None:
    store = await _started(path)
    assert await store.follow() is await store.follow()
    longer = BOOK.extended(SECOND)
    longer.save(path)
    assert await store.follow() == longer


async def test_the_same_content_again_is_the_same_book(path: Path) -> None:
    store = await _started(path)
    book = await store.follow()
    os.utime(path, (0, 0))
    assert await store.follow() is book


@pytest.mark.parametrize("other", [Codebook(), Codebook().extended(SECOND), Codebook(4).extended(FIRST)])
async def test_another_book_in_its_place_is_a_loss_told_once(
    path: Path, other: Codebook, caplog: pytest.LogCaptureFixture
) -> None:
    store = await _started(path)
    other.save(path)
    for _ in range(3):
        assert await store.follow() == BOOK
    assert (store.status.state, store.status.lost) == ("lost", 1)
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]
    with pytest.raises(StoreLostError):
        await store.promote(SECOND)
    assert problems(await store.verify()) != []
    BOOK.extended(SECOND).save(path)
    assert await store.follow() == BOOK.extended(SECOND)
    assert store.status.state == "ok"


async def test_a_file_that_is_gone_is_a_loss(path: Path) -> None:
    store = await _started(path)
    _remove(path)
    assert await store.follow() == BOOK
    assert store.status.state == "lost"
    with pytest.raises(StoreLostError):
        await store.promote(SECOND)
    assert problems(await store.verify()) == [f"file {path}: No such file or directory (repairable)"]


async def test_a_file_that_is_damaged_while_it_runs_is_not_taken(path: Path) -> None:
    store = await _started(path)
    _write(path, b"damage")
    assert await store.follow() == BOOK
    assert store.status.state == "degraded"
    with pytest.raises(StoreLostError):
        await store.promote(SECOND)
    assert "(repairable)" in problems(await store.verify())[0]
    fresh = FileStore(path)
    assert "(lost)" in problems(await fresh.verify())[0]


async def test_a_file_that_cannot_be_read_while_it_runs_is_an_outage(path: Path) -> None:
    store = await _started(path)
    _remove(path)
    _make_folder(path)
    assert await store.follow() == BOOK
    assert (store.status.state, store.status.reason) == ("degraded", "Is a directory")
    with pytest.raises(UnavailableError, match="Is a directory"):
        await store.promote(SECOND)


async def test_a_lost_file_is_rebuilt_into_a_new_generation(path: Path) -> None:
    store = await _started(path)
    other = Codebook().extended(SECOND)
    other.save(path)
    await store.follow()
    rebuilt = await store.rebuild()
    assert BOOK.is_prefix_of(rebuilt)
    assert len(rebuilt.generations) == 2
    assert Codebook.load(path) == rebuilt
    assert Codebook.load(path.with_name("orders.book.lost-0")) == other
    assert (store.status.state, store.status.rebuilt) == ("ok", 1)
    _remove(path)
    assert len((await store.rebuild()).generations) == 3
    assert await store.follow() == Codebook.load(path)


async def test_what_is_not_lost_is_not_rebuilt(path: Path) -> None:
    store = await _started(path)
    BOOK.extended(SECOND).save(path)
    assert await store.rebuild() == BOOK.extended(SECOND)


async def test_an_empty_book_is_rebuilt_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "empty.book"
    Codebook().save(path)
    store = await _started(path)
    _write(path, b"damage")
    assert await store.rebuild() == Codebook()
    assert Codebook.load(path) == Codebook()


async def test_a_promoter_makes_the_file_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "new.book"
    store = FileStore(path, Properties(2), create=True)
    assert await store.start() == Codebook(2)
    assert await store.follow() == Codebook(2)
    assert store.status.state == "ok"
    assert problems(await store.verify()) == [f"file {path}: No such file or directory (ok)"]
    assert await store.promote(FIRST) == Codebook(2).extended(FIRST)
    assert Codebook.load(path) == Codebook(2).extended(FIRST)


async def test_a_file_that_others_made_with_other_properties_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.book"
    store = FileStore(path, Properties(2), create=True)
    await store.start()
    BOOK.save(path)
    with pytest.raises(ConfigError, match=r"check_bytes is 2, but codebook .* was made with 1"):
        await store.follow()


async def test_writers_come_one_after_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await _started(path)
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.1)
    with (path.parent / "orders.book.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match="another process has held it"):
            await store.promote(SECOND)
    assert await store.promote(SECOND) == BOOK.extended(SECOND)


async def test_what_cannot_be_written_is_an_outage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await _started(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("aura_stream.codec.bookfile.replace_file", full)
        with pytest.raises(UnavailableError, match="No space left"):
            await store.promote(SECOND)
    assert await store.follow() == BOOK
    with monkeypatch.context() as patched:
        _write(path, b"damage")
        patched.setattr(Path, "rename", full)
        with pytest.raises(UnavailableError, match="No space left"):
            await store.rebuild()
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        with pytest.raises(UnavailableError, match="No space left"):
            await store.promote(SECOND)


async def test_retired_templates_are_in_the_file(path: Path) -> None:
    store, other = await _started(path), await _started(path)
    book = await store.retire([ONE.digest])
    assert book.retired == {ONE.digest}
    assert await other.follow() == book
    assert await other.promote(Proposal((THREE,))) == book.extended(SECOND)


async def test_a_template_whose_digest_another_has_is_refused_loudly(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twin = Template((b"twin",))
    vars(twin)["digest"] = ONE.digest
    store = await _started(path)
    with pytest.raises(CollisionError, match=ONE.digest.hex()):
        await store.promote(Proposal((twin,)))
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert Codebook.load(path) == BOOK
