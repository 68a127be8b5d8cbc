"""A mirror holds what it was given, through crashes, damage and full disks."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from aura_stream.errors import ConfigError
from aura_stream.store import mirror as module
from aura_stream.store.entry import Entry
from aura_stream.store.mirror import FolderMirror, MirrorContent, NoMirror

RECORDS = [Entry("template", 0, 0, number, b"p" * 16, b"body %d" % number).to_bytes() for number in range(5)]


async def _opened(root: Path, verb: str = "run") -> tuple[FolderMirror, MirrorContent]:
    mirror = FolderMirror(root, "orders", verb)
    return mirror, await mirror.open()


async def _written(root: Path, records: list[bytes] = RECORDS) -> Path:
    mirror, _ = await _opened(root)
    await mirror.append(records)
    path = mirror.path
    mirror.close()
    assert path is not None
    return path


async def test_what_was_appended_is_there_after_a_restart(tmp_path: Path) -> None:
    for number, record in enumerate(RECORDS):
        mirror, content = await _opened(tmp_path)
        assert list(content.records) == RECORDS[:number]
        await mirror.append([record])
        assert await mirror.read() == MirrorContent(RECORDS[: number + 1])
        mirror.close()
        mirror.close()


async def test_each_process_has_a_folder_of_its_own(tmp_path: Path) -> None:
    first, _ = await _opened(tmp_path)
    second, _ = await _opened(tmp_path)
    other, _ = await _opened(tmp_path, "discover")
    folders = [str(each.path.parent.relative_to(tmp_path)) for each in (first, second, other) if each.path]
    assert folders == ["orders/run-0", "orders/run-1", "orders/discover-0"]
    first.close()
    third, _ = await _opened(tmp_path)
    assert third.path == tmp_path / "orders/run-0/entries"
    for each in (second, third, other):
        each.close()


async def test_a_name_of_a_namespace_leads_nowhere_else(tmp_path: Path) -> None:
    for name in ("../../etc", "..", "a/b"):
        mirror = FolderMirror(tmp_path / "mirror", name, "run")
        await mirror.open()
        assert mirror.path is not None
        assert mirror.path.resolve().parent.parent.parent == (tmp_path / "mirror").resolve()
        mirror.close()


async def test_every_torn_tail_leaves_the_whole_records(tmp_path: Path) -> None:
    path = await _written(tmp_path)
    data = path.read_bytes()
    size = len(data) // len(RECORDS)
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        mirror, content = await _opened(tmp_path)
        assert content == MirrorContent(RECORDS[: cut // size], (), cut % size)
        mirror.close()


async def test_every_damaged_byte_is_noticed_and_kept_aside(tmp_path: Path) -> None:
    path = await _written(tmp_path, RECORDS[:3])
    data = path.read_bytes()
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        path.write_bytes(changed)
        mirror, content = await _opened(tmp_path)
        assert content.damaged or content.torn
        assert set(content.records) <= set(RECORDS)
        kept = [file.read_bytes() for file in path.parent.glob("damaged-*")]
        assert all(record in kept for _, record in content.damaged)
        for file in path.parent.glob("damaged-*"):
            file.unlink()
        mirror.close()


async def test_a_damaged_record_has_a_name_and_the_others_stay(tmp_path: Path) -> None:
    path = await _written(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"body 2", b"body 7"))
    mirror, content = await _opened(tmp_path)
    assert [name for name, _ in content.damaged] == ["mirror entry 2"]
    assert content.records == RECORDS[:2] + RECORDS[3:]
    mirror.close()


async def test_not_more_damage_is_kept_than_was_thought_of(tmp_path: Path) -> None:
    mirror, _ = await _opened(tmp_path)
    for number in range(module.MAX_DAMAGED + 5):
        await mirror.quarantine(b"damage %d" % number)
    assert mirror.path is not None
    assert len(list(mirror.path.parent.glob("damaged-*"))) == module.MAX_DAMAGED
    mirror.close()


async def test_a_rewritten_mirror_holds_nothing_else(tmp_path: Path) -> None:
    path = await _written(tmp_path)
    mirror, _ = await _opened(tmp_path)
    await mirror.rewrite(RECORDS[3:])
    await mirror.append(RECORDS[:1])
    mirror.close()
    _, content = await _opened(tmp_path)
    assert content.records == [*RECORDS[3:], RECORDS[0]]
    assert {file.name for file in path.parent.iterdir()} == {"entries", "lock"}


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_full_disk_is_told_once_and_mended_by_rewriting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mirror, _ = await _opened(tmp_path)
    await mirror.append(RECORDS[:1])
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _full)
        await mirror.append(RECORDS[1:2])
        await mirror.append(RECORDS[2:3])
        await mirror.rewrite(RECORDS[:3])
        assert await mirror.read() == MirrorContent(RECORDS[:1])  # no half of what failed
    assert mirror.behind
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "No space left on device" in caplog.text
    caplog.set_level(logging.INFO)
    await mirror.rewrite(RECORDS[:4])
    assert not mirror.behind
    assert "can be written again" in caplog.text
    assert await mirror.read() == MirrorContent(RECORDS[:4])
    mirror.close()


async def test_a_disk_that_is_full_at_start_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Path, "mkdir", _full)
    mirror, content = await _opened(tmp_path)
    assert content == MirrorContent()
    assert mirror.behind
    await mirror.append(RECORDS)
    await mirror.rewrite(RECORDS)
    await mirror.quarantine(b"damage")
    assert await mirror.read() == MirrorContent()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_damage_that_cannot_be_kept_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mirror, _ = await _opened(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", _full)
    await mirror.quarantine(b"damage")
    assert "No space left" in caplog.text
    mirror.close()


async def test_a_folder_that_cannot_be_used_is_a_mistake_in_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"store\.mirror"):
        await _opened(tmp_path / "file")
    monkeypatch.setattr(module, "MAX_PROCESSES", 1)
    held, _ = await _opened(tmp_path)
    with pytest.raises(ConfigError, match="1 processes have a mirror here"):
        await _opened(tmp_path)
    held.close()

    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(ConfigError, match="No locks available"):
        await _opened(tmp_path)


async def test_a_file_that_is_no_mirror_by_its_size_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _written(tmp_path)
    monkeypatch.setattr(module, "MAX_MIRROR", 10)
    with pytest.raises(ConfigError, match="at most 10 bytes"):
        await _opened(tmp_path)


async def test_without_a_folder_nothing_is_kept() -> None:
    mirror = NoMirror()
    assert await mirror.open() == MirrorContent()
    await mirror.append(RECORDS)
    await mirror.rewrite(RECORDS)
    await mirror.quarantine(b"damage")
    assert await mirror.read() == MirrorContent()
    mirror.close()


@pytest.mark.parametrize("garbage", [bytes(100_000), b"\xff" * 100], ids=["zeros", "no length"])
async def test_what_has_no_length_of_a_record_is_one_damage_behind_the_whole_ones(
    garbage: bytes, tmp_path: Path
) -> None:
    path = await _written(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data + garbage)
    mirror, content = await _opened(tmp_path)
    assert content == MirrorContent(RECORDS, ((f"mirror, from byte {len(data)}", garbage),), 0)
    mirror.close()
