"""A disk that forgets what was not fsynced when the power fails.

What a file held at its last fsync stays, and of a folder the names that it held at its own last fsync, each with what
that file held at its last: the least that POSIX promises. SIGKILL does not test this: the page cache survives it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


class Disk:
    """Watches fsync below a folder; `fail` leaves there what would be left."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._contents: dict[int, bytes] = {}  # inode → what is durable of a file
        self._names: dict[Path, dict[str, int]] = {}  # folder → its durable names
        self._real = os.fsync
        self.syncs = 0
        self._remember_all()
        monkeypatch.setattr(os, "fsync", self._fsync)

    def _remember_all(self) -> None:
        """What is there from the beginning is durable."""
        for folder, _, names in os.walk(self._folder):
            self._remember_names(Path(folder))
            for name in names:
                self._remember(Path(folder) / name)

    def _fsync(self, descriptor: int) -> None:
        self._real(descriptor)
        self.syncs += 1
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            self._remember_names(path)
        elif path.exists():
            self._remember(path)

    def _remember(self, path: Path) -> None:
        self._contents[path.stat().st_ino] = path.read_bytes()

    def _remember_names(self, folder: Path) -> None:
        self._names[folder] = {entry.name: entry.inode() for entry in os.scandir(folder)}

    def fail(self) -> None:
        """Lose the power: everything that is not durable is gone."""
        left = {name: self._left(self._folder / name, inode) for name, inode in self._names[self._folder].items()}
        for entry in os.scandir(self._folder):
            shutil.rmtree(entry.path) if entry.is_dir() else Path(entry.path).unlink()
        for name, content in left.items():
            self._restore(self._folder / name, content)
        self._contents.clear()
        self._names.clear()
        self._remember_all()

    def _left(self, path: Path, inode: int) -> bytes | dict[str, object]:
        names = self._names.get(path)
        if names is None:
            return self._contents.get(inode, b"")
        return {name: self._left(path / name, inner) for name, inner in names.items()}

    def _restore(self, path: Path, content: object) -> None:
        if isinstance(content, dict):
            path.mkdir()
            for name, inner in content.items():
                self._restore(path / name, inner)
        else:
            assert isinstance(content, bytes)
            path.write_bytes(content)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk under `tmp_path`; what is made by tests before they ask for anything durable is not."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to see which file a descriptor is")
    return Disk(tmp_path, monkeypatch)
