"""Output appears whole or not at all; what an error leaves is clearly partial."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from aura_stream.cli.inout import reading, writing
from aura_stream.errors import CorruptFrameError


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with writing(str(target)) as file:
        file.write(b"all of it")
        assert not target.exists()
    assert target.read_bytes() == b"all of it"
    assert os.listdir(tmp_path) == ["out"]


def test_an_error_leaves_the_old_file_and_names_the_partial_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")

    def fail() -> None:
        with writing(str(target)) as file:
            file.write(b"first half")
            raise CorruptFrameError("frame 7 is torn", 7)

    with pytest.raises(CorruptFrameError, match=r"frame 7 is torn \(everything before it is in .*out\.partial\)"):
        fail()
    assert target.read_bytes() == b"old"
    assert (tmp_path / "out.partial").read_bytes() == b"first half"


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.touch(mode=0o600)
    with writing(str(target)) as file:
        file.write(b"new")
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with writing(str(tmp_path / "link")) as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_input_and_output_may_be_one_file(tmp_path: Path) -> None:
    target = tmp_path / "both"
    target.write_bytes(b"ab")
    with reading(str(target)) as source, writing(str(target)) as file:
        file.write(source.read1() * 2)
    assert target.read_bytes() == b"abab"


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with writing(str(pipe)) as file:
        file.write(b"through")
    reader.join(10)
    assert received == [b"through"]
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_missing_file_is_an_os_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        reading(str(tmp_path / "none"))
    assert caught.value.filename == str(tmp_path / "none")
