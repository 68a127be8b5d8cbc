"""A checkpoint comes back as it was, for its owner only; damage and a second process cost learning time at most."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from aura_stream.errors import ConfigError
from aura_stream.runtime.checkpoint import MAGIC, Checkpoint, Saved, _digest

SAVED = Saved(12.5, 1e9, b"what was learned" * 100)


def _opened(path: Path | None) -> tuple[Checkpoint, Saved | None]:
    checkpoint = Checkpoint(path)
    return checkpoint, checkpoint.open()


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "it"
    checkpoint, found = _opened(path)
    assert found is None
    checkpoint.save(Saved(0.0, 0.0, b""))
    checkpoint.save(SAVED)
    checkpoint.close()
    checkpoint.close()
    assert _opened(path)[1] == SAVED
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["it", "it.lock"]


def test_without_a_path_nothing_is_kept() -> None:
    checkpoint, found = _opened(None)
    checkpoint.save(SAVED)
    checkpoint.close()
    assert found is None


def test_two_processes_have_one_each(tmp_path: Path) -> None:
    first, _ = _opened(tmp_path / "it")
    second, _ = _opened(tmp_path / "it")
    first.save(SAVED)
    second.save(Saved(1.0, 2.0, b"another"))
    first.close()
    assert _opened(tmp_path / "it")[1] == SAVED
    second.close()
    assert _opened(tmp_path / "it.1")[1] == Saved(1.0, 2.0, b"another")


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other", "shape", "junk"])
def test_damage_is_told_and_learning_begins_anew(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "it"
    checkpoint, _ = _opened(path)
    checkpoint.save(SAVED)
    checkpoint.close()
    good = path.read_bytes()
    signed = {"shape": msgpack.packb(["a", "b", "c"]), "junk": b"\xc1"}
    path.write_bytes(
        {
            "flip": good[:50] + bytes((good[50] ^ 1,)) + good[51:],
            "cut": good[:-1],
            "empty": b"",
            "other": b"AURACKP9" + good[8:],
            **{name: MAGIC + _digest(body) + body for name, body in signed.items()},
        }[damage]
    )
    checkpoint, found = _opened(path)
    assert found is None
    assert "learning begins anew" in caplog.text
    checkpoint.save(SAVED)
    checkpoint.close()
    assert _opened(path)[1] == SAVED


def test_a_folder_that_cannot_be_made_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"discovery\.checkpoint: .*: File exists"):
        Checkpoint(tmp_path / "file" / "it").open()


def test_a_disk_that_fails_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint, _ = _opened(tmp_path / "it")
    (tmp_path / "it.new").mkdir()
    checkpoint.save(SAVED)
    checkpoint.save(SAVED)
    assert len(caplog.records) == 1
    (tmp_path / "it.new").rmdir()
    checkpoint.save(SAVED)
    checkpoint.close()
    assert _opened(tmp_path / "it")[1] == SAVED
