"""`train`: a book from messages, extended and never orphaned."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_stream.cli import exit_codes
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.mining import Miner
from tests.unit.cli.conftest import Invoke

FIRST = b"".join(b'{"order":%d,"state":"paid","note":"thank you for your order"}\n' % n for n in range(200))
SECOND = b"".join(
    b"node-%02d reindex[%d]: finished with status 0 after %d ms\n" % (n % 9, n, 7 * n) for n in range(200)
)


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "first.log").write_bytes(FIRST)
    (tmp_path / "second.log").write_bytes(SECOND)


def ratio(book: str, lines: bytes) -> float:
    messages = lines.splitlines()
    codec = HybridCodec(Codebook.load(book))
    frames = codec.encode_batch(messages)
    assert codec.decode_batch(frames) == messages
    return sum(map(len, messages)) / sum(map(len, frames))


def test_a_book_makes_messages_like_those_it_saw_small(invoke: Invoke) -> None:
    result = invoke("train", "first.log", "second.log", "-o", "orders.book")
    assert result.exit_code == 0, result.output
    assert "from 400 messages" in result.stderr
    assert result.stdout == ""
    assert ratio("orders.book", FIRST) > 5
    assert ratio("orders.book", SECOND) > 5


def test_an_existing_book_is_extended_and_its_frames_stay_readable(invoke: Invoke) -> None:
    invoke("train", "first.log", "-o", "orders.book")
    before = Codebook.load("orders.book")
    frames = HybridCodec(before).encode_batch(FIRST.splitlines())
    result = invoke("train", "second.log", "-o", "orders.book")
    assert result.exit_code == 0, result.output
    after = Codebook.load("orders.book")
    assert before.is_prefix_of(after)
    assert HybridCodec(after).decode_batch(frames) == FIRST.splitlines()
    assert ratio("orders.book", SECOND) > 5


def test_it_says_so_where_there_is_nothing_new(invoke: Invoke) -> None:
    invoke("train", "first.log", "-o", "orders.book")
    result = invoke("train", "first.log", "-o", "orders.book")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("orders.book: nothing new; generation 0 with ")


def test_new_refuses_a_book_that_exists(invoke: Invoke) -> None:
    assert invoke("train", "--new", "first.log", "-o", "orders.book").exit_code == 0
    there = Path("orders.book").read_bytes()
    result = invoke("train", "--new", "second.log", "-o", "orders.book")
    assert result.exit_code == exit_codes.USAGE
    assert "orders.book exists" in result.stderr
    assert Path("orders.book").read_bytes() == there


def test_properties_are_given_to_a_new_book(invoke: Invoke) -> None:
    invoke("train", "first.log", "-o", "orders.book", "--check-bytes", "0", "--raw", "marked")
    book = Codebook.load("orders.book")
    assert (book.check_bytes, book.raw) == (0, "marked")


@pytest.mark.parametrize(("option", "value"), [("--check-bytes", "2"), ("--raw", "marked")])
def test_properties_of_an_existing_book_never_change(invoke: Invoke, option: str, value: str) -> None:
    invoke("train", "first.log", "-o", "orders.book")
    there = Path("orders.book").read_bytes()
    result = invoke("train", "second.log", "-o", "orders.book", option, value)
    assert result.exit_code == exit_codes.CONFIG
    assert f"was made with {option}" in result.stderr
    assert Path("orders.book").read_bytes() == there


def test_the_same_properties_may_be_named_again(invoke: Invoke) -> None:
    for name in ("first.log", "second.log"):
        assert invoke("train", name, "-o", "orders.book", "--check-bytes", "1", "--raw", "plain").exit_code == 0


def test_messages_may_come_from_stdin(invoke: Invoke) -> None:
    assert invoke("train", "-", "-o", "orders.book", stdin=FIRST).exit_code == 0
    assert ratio("orders.book", FIRST) > 5


def test_no_messages_is_a_usage_error(invoke: Invoke) -> None:
    Path("empty.log").touch()
    result = invoke("train", "empty.log", "-o", "orders.book")
    assert result.exit_code == exit_codes.USAGE
    assert "no messages in empty.log" in result.stderr
    assert not Path("orders.book").exists()


def test_messages_with_nothing_in_common_give_an_empty_book(invoke: Invoke) -> None:
    Path("few.log").write_bytes(b"a\nb\n")
    result = invoke("train", "few.log", "-o", "orders.book")
    assert result.exit_code == 0, result.output
    assert "too little in common" in result.stderr
    assert ratio("orders.book", b"a\nb\n") == 1


def test_a_damaged_book_is_not_written_over(invoke: Invoke) -> None:
    Path("orders.book").write_bytes(b"not a book")
    result = invoke("train", "first.log", "-o", "orders.book")
    assert result.exit_code == exit_codes.DAMAGED
    assert Path("orders.book").read_bytes() == b"not a book"


def test_a_missing_file_leaves_no_book(invoke: Invoke) -> None:
    result = invoke("train", "first.log", "none.log", "-o", "orders.book")
    assert result.exit_code == exit_codes.USAGE
    assert "none.log" in result.stderr
    assert not Path("orders.book").exists()


CONFIG = """
namespace: orders
input: {files: {paths: [orders.log]}}
output: {files: {path: orders.frames}}
store: {file: {path: orders.book}}
"""


def test_a_store_learns_and_goes_on_learning(invoke: Invoke) -> None:
    Path("orders.yaml").write_text(CONFIG)
    for name, lines in (("first.log", FIRST), ("second.log", SECOND)):
        result = invoke("train", name, "--store", "orders.yaml")
        assert result.exit_code == 0, result.output
        assert "the store of orders.yaml: generation" in result.stderr
        assert ratio("orders.book", lines) > 5


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "name either"),
        (["-o", "orders.book", "--store", "orders.yaml"], "name either"),
        (["--store", "orders.yaml", "--new"], "for -o BOOK"),
        (["--store", "orders.yaml", "--check-bytes", "2"], "for -o BOOK"),
        (["--store", "orders.yaml", "--raw", "plain"], "for -o BOOK"),
    ],
)
def test_a_book_and_a_store_exclude_each_other(invoke: Invoke, options: list[str], problem: str) -> None:
    Path("orders.yaml").write_text(CONFIG)
    result = invoke("train", "first.log", *options)
    assert (result.exit_code, problem in result.stderr) == (exit_codes.USAGE, True)
    assert not Path("orders.book").exists()


def test_a_store_of_no_messages_is_left_alone(invoke: Invoke) -> None:
    Path("orders.yaml").write_text(CONFIG)
    Path("empty.log").touch()
    assert invoke("train", "empty.log", "--store", "orders.yaml").exit_code == exit_codes.USAGE
    assert not Path("orders.book").exists()


def test_what_was_decided_is_explained(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Miner, "explain", lambda _: ["promoted: 12 bits before, 3 after"])
    result = invoke("train", "first.log", "-o", "orders.book", "--explain")
    assert result.stdout == "promoted: 12 bits before, 3 after\n"
    monkeypatch.setattr(Miner, "explain", lambda _: [])
    assert "nothing is worth a template" in invoke("train", "first.log", "-o", "orders.book", "--explain").stderr
    assert "ranked as a whole" in invoke("train", "first.log", "-o", "new.book", "--explain").stderr
    assert invoke("train", "first.log", "-o", "orders.book").stdout == ""
