"""`aura-stream discover`: templates from what the input holds, promoted to the store that the bridge writes with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aura_stream.cli import discover
from aura_stream.codec import Codebook
from tests.unit.cli.conftest import Invoke

CONFIG = """\
namespace: orders
input: {files: {paths: [orders.log]}}
output: {files: {path: "{source}.frames"}}
store: {file: {path: orders.book}}
"""
MESSAGES = b"".join(b'{"order":%d,"state":"paid","amount":%d.50,"user":"secret%dsecret"}\n' % (n, n * 7, n * 7919) for n in range(500))  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orders.log").write_bytes(MESSAGES)
    (tmp_path / "orders.yaml").write_text(CONFIG)
    monkeypatch.setattr(os, "nice", lambda _: 0)  # of the test process


def test_once_it_learns_from_the_past_and_the_bridge_writes_with_it(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("discover", "--once", "orders.yaml")
    assert result.exit_code == 0, result.stderr
    assert "promoted " in result.stderr
    assert "state" not in result.stderr  # nothing of a message
    assert "another discovery.group reads anew" in invoke("discover", "--once", "orders.yaml").stderr
    book = Codebook.load(tmp_path / "orders.book")
    assert book.newest is not None
    assert invoke("run", "--once", "orders.yaml").exit_code == 0
    assert (tmp_path / "orders.log.frames").stat().st_size < len(MESSAGES) / 3


def test_it_explains_why(invoke: Invoke) -> None:
    result = invoke("discover", "--once", "--explain", "orders.yaml")
    assert result.exit_code == 0
    assert "secret" not in result.stdout


@pytest.mark.untraced
def test_it_keeps_its_counts_where_it_is_told(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("discover", "--once", "--set", "discovery.checkpoint=here", "orders.yaml").exit_code == 0
    assert (tmp_path / "here").stat().st_mode & 0o777 == 0o600
    assert b"secret" not in (tmp_path / "here").read_bytes()
    (tmp_path / "here").write_bytes(b"damaged")
    result = invoke("discover", "--once", "--set", "discovery.checkpoint=here", "orders.yaml")
    assert result.exit_code == 0
    assert "learning begins anew" in result.stderr


def test_a_proposal_may_wait_for_a_person(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("discover", "--once", "--set", "discovery.approve=true", "orders.yaml")
    assert result.exit_code == 0, result.stderr
    assert not (tmp_path / "orders.book").exists()
    proposed = tmp_path / "orders.book.discovery" / "proposed.book"
    assert f"import CONFIG {proposed.relative_to(tmp_path)}" in result.stderr
    assert Codebook.load(proposed).newest is not None


@pytest.mark.parametrize(
    ("flag", "code", "problem"),
    [
        ("codec.direction=decode", 78, "give it the configuration that encodes"),
        ("discovery.cpu=2", 78, "discovery.cpu"),
        ("discovery.group=aura", 78, "discovery.group is that of the bridge"),
    ],
)
def test_a_mistake_is_one_line(invoke: Invoke, flag: str, code: int, problem: str) -> None:
    result = invoke("discover", "--once", "--set", flag, "orders.yaml")
    assert result.exit_code == code
    assert problem in result.stderr


def test_the_bridge_goes_first() -> None:
    assert discover.NICE > 0
