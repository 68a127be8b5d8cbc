"""`explain`: a frame's parts add up, from hex and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_stream.cli import exit_codes
from aura_stream.cli.explain import NEWER
from aura_stream.codec import Codebook, HybridCodec, Proposal, Template, times
from aura_stream.codec.slots import DIGITS, TIME, slot_type
from aura_stream.model.framing import join_varint
from tests.unit.cli.conftest import Invoke

MESSAGE = b"words words words words words words words words [red]words"


@pytest.fixture(autouse=True)
def book(tmp_path: Path) -> None:
    Codebook().save(tmp_path / "orders.book")


def test_a_frame_in_hex_is_explained(invoke: Invoke) -> None:
    frame = HybridCodec(Codebook()).encode(MESSAGE)
    result = invoke("explain", "-b", "orders.book", frame.hex())
    assert result.exit_code == 0, result.output
    assert f"method zstd: {len(MESSAGE)} bytes of message in {len(frame)} bytes of frame" in result.stdout
    assert "marker" in result.stdout
    assert "check" in result.stdout


def test_a_frame_of_a_file_is_picked_by_its_number(invoke: Invoke) -> None:
    Path("frames").write_bytes(join_varint([b"first", b"the second"]))
    result = invoke("explain", "-b", "orders.book", "frames", "--number", "1")
    assert "method raw: 10 bytes of message in 10 bytes of frame" in result.stdout


@pytest.mark.parametrize("message", [bytes(range(64)) * 8 + bytes(range(200, 64, -1)), b""])
def test_hex_may_be_longer_than_a_file_name_and_empty(invoke: Invoke, message: bytes) -> None:
    frame = HybridCodec(Codebook(), destination="batched").encode(message)
    result = invoke("explain", "-b", "orders.book", frame.hex())
    assert result.exit_code == 0, result.output
    assert f"method raw: {len(message)} bytes of message in {len(frame)} bytes of frame" in result.stdout


def test_a_number_beyond_the_file_is_a_usage_error(invoke: Invoke) -> None:
    Path("frames").write_bytes(join_varint([b"first"]))
    result = invoke("explain", "-b", "orders.book", "frames", "--number", "1")
    assert result.exit_code == exit_codes.USAGE
    assert "no frame number 1" in result.stderr


def test_what_is_neither_file_nor_hex_is_a_usage_error(invoke: Invoke) -> None:
    result = invoke("explain", "-b", "orders.book", "zebra")
    assert result.exit_code == exit_codes.USAGE
    assert "neither a file nor hex digits" in result.stderr


def test_a_damaged_frame_ends_in_one_line(invoke: Invoke) -> None:
    result = invoke("explain", "-b", "orders.book", "81ff")
    assert result.exit_code == exit_codes.DAMAGED
    assert result.stderr.startswith("error: ")


def test_a_retired_template_is_marked(invoke: Invoke) -> None:
    book = Codebook().extended(Proposal((Template((b"declined", b" ", b"order")),)))
    frame = HybridCodec(book).encode(b"declined order")
    book.without([book.generations[0].templates[0].digest]).save("orders.book")
    result = invoke("explain", "-b", "orders.book", frame.hex())
    assert result.exit_code == 0, result.output
    assert "(retired" in result.stdout


def test_templates_and_slots_stand_as_the_other_verbs_show_them_and_move_no_cursor(invoke: Invoke) -> None:
    day = slot_type(TIME, times.ISO_T << 4 | 3)
    templates = Template((day, b" ", b"order", b" ", slot_type(DIGITS, 4))), Template((b"\x1b", b"[", b"31", b"m"))
    book = Codebook().extended(Proposal(templates, birth=1_700_000_000))
    book.save("orders.book")
    frame = HybridCodec(book).encode(b"2026-01-02T03:04:05.678 order 0042\x1b[31m\x1b")
    result = invoke("explain", "-b", "orders.book", frame.hex())
    assert result.exit_code == 0, result.output
    for shown in (
        "<time iso .3> order <digits 4>", "<time iso .3> = 2026-01-02T03:04:05.678", "<digits 4> = 0042", r"\x1b[31m",
    ):  # fmt: skip
        assert shown in result.stdout
    assert "\x1b" not in result.stdout


def test_of_a_frame_that_is_newer_than_the_book_is_shown_what_can_be(invoke: Invoke) -> None:
    newer = Codebook().extended(Proposal((Template((b"declined", b" ", b"order")),), birth=1))
    result = invoke("explain", "-b", "orders.book", HybridCodec(newer).encode(b"declined order").hex())
    assert result.exit_code == exit_codes.DAMAGED
    assert "method template, generation 0: 3 bytes of frame" in result.stdout
    assert result.stderr == f"error: generation 0 is not in this codebook; {NEWER}\n"
