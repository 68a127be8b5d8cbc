"""`encode` and `decode`: the same bytes back, in bounded steps, and one line for whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result

from aura_stream.cli import exit_codes, framing
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.model.framing import join_varint
from tests.unit.cli.conftest import Invoke

LINES = b"".join(b'{"order":%d,"state":"paid","note":"thank you for your order"}\n' % n for n in range(300))


@pytest.fixture(autouse=True)
def book(tmp_path: Path) -> None:
    Codebook().save(tmp_path / "orders.book")


def frames_of(*messages: bytes) -> bytes:
    return join_varint(HybridCodec(Codebook()).encode_batch(messages))


def fails(result: Result, code: int) -> str:
    """Return the one line that a failed verb printed."""
    assert result.exit_code == code, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("destination", ["standalone", "batched"])
@pytest.mark.parametrize("block", [100, 1 << 20])
def test_lines_come_back(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, destination: str, block: int) -> None:
    monkeypatch.setattr(framing, "BLOCK", block)
    Path("orders.log").write_bytes(LINES)
    result = invoke("encode", "-b", "orders.book", "--destination", destination, "orders.log", "orders.frames")
    assert result.exit_code == 0, result.output
    result = invoke("decode", "-b", "orders.book", "orders.frames", "back.log")
    assert result.exit_code == 0, result.output
    assert Path("back.log").read_bytes() == LINES


def test_messages_with_line_feeds_come_back_as_varint(invoke: Invoke) -> None:
    messages = join_varint([b"a\nb", b"", b"\xff\x00\n", b"x" * 5000])
    Path("in").write_bytes(messages)
    assert invoke("encode", "-b", "orders.book", "--framing", "varint", "in", "frames").exit_code == 0
    assert invoke("decode", "-b", "orders.book", "--framing", "varint", "frames", "out").exit_code == 0
    assert Path("out").read_bytes() == messages


def test_dash_is_stdin_and_stdout(invoke: Invoke) -> None:
    encoded = invoke("encode", "-b", "orders.book", "-", "-", stdin=b"one\ntwo\n")
    assert encoded.stdout_bytes == frames_of(b"one", b"two")
    decoded = invoke("decode", "-b", "orders.book", "-", "-", stdin=encoded.stdout_bytes)
    assert decoded.stdout_bytes == b"one\ntwo\n"


def test_a_frame_that_cannot_be_decoded_is_named_and_what_stood_before_it_is_kept(invoke: Invoke) -> None:
    good = frames_of(b"first", b"second")
    Path("frames").write_bytes(good + join_varint([b"\x81 no such marker"]))
    line = fails(invoke("decode", "-b", "orders.book", "frames", "out"), exit_codes.DAMAGED)
    assert f"frames: frame 2 at byte {len(good)}: " in line
    assert "out.partial" in line
    assert Path("out.partial").read_bytes() == b"first\nsecond\n"
    assert not Path("out").exists()


def test_a_torn_last_frame_is_named(invoke: Invoke) -> None:
    Path("frames").write_bytes(frames_of(b"whole", b"cut off here")[:-3])
    line = fails(invoke("decode", "-b", "orders.book", "frames", "out"), exit_codes.DAMAGED)
    assert "frames: number 1 at byte 6 is torn" in line
    assert Path("out.partial").read_bytes() == b"whole\n"


def test_a_message_with_line_feed_is_refused_for_lines(invoke: Invoke) -> None:
    Path("frames").write_bytes(frames_of(b"plain", b"two\nlines", b"plain"))
    line = fails(invoke("decode", "-b", "orders.book", "frames", "out"), exit_codes.DAMAGED)
    assert "frames: message 1: the message holds a line feed" in line
    assert "two" not in line
    assert Path("out.partial").read_bytes() == b"plain\n"


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_files_that_cannot_be_opened_end_in_one_line(invoke: Invoke, verb: str) -> None:
    assert "none.book" in fails(invoke(verb, "-b", "none.book", "-", "-"), exit_codes.USAGE)
    assert "none.log" in fails(invoke(verb, "-b", "orders.book", "none.log", "-"), exit_codes.USAGE)
    assert "no/such/folder" in fails(invoke(verb, "-b", "orders.book", "-", "no/such/folder"), exit_codes.USAGE)


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_a_damaged_book_is_named(invoke: Invoke, verb: str) -> None:
    whole = Path("orders.book").read_bytes()
    Path("orders.book").write_bytes(whole[:-1])
    assert "orders.book" in fails(invoke(verb, "-b", "orders.book", "-", "-"), exit_codes.DAMAGED)


@pytest.mark.parametrize("verb", ["train", "encode", "decode", "explain"])
def test_help_shows_an_example(invoke: Invoke, verb: str) -> None:
    result = invoke(verb, "--help")
    assert result.exit_code == 0
    assert f"aura-stream {verb}" in result.stdout
    assert "Example:" in result.stdout
