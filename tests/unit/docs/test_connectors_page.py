"""The connector that docs/connectors.md shows keeps the whole contract, and runs in a bridge."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder in which the shown connector stands as if it were installed."""
    module, tests = _blocks("python")
    (tmp_path / "aura_sqlite.py").write_text(module)
    (tmp_path / "test_aura_sqlite.py").write_text(tests)
    metadata = tmp_path / "aura_sqlite-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: aura-sqlite\nVersion: 1.0\n")
    group, entry = _blocks("toml")[0].strip().splitlines()
    assert group == '[project.entry-points."aura_stream.connectors"]'
    (metadata / "entry_points.txt").write_text(f"[aura_stream.connectors]\n{entry.replace(chr(34), '')}\n")
    (tmp_path / "orders.yaml").write_text(_blocks("yaml")[0])
    return tmp_path


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_it_keeps_the_whole_contract(installed: Path) -> None:
    result = _run(installed, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert result.returncode == 0, result.stdout
    assert re.search(r"^\d\d passed in", result.stdout, re.MULTILINE), result.stdout


def test_it_runs_in_a_bridge(installed: Path) -> None:
    with sqlite3.connect(installed / "queue.db") as database:
        database.executescript(re.findall(r'"""\n(.*?)"""', _blocks("python")[1], re.DOTALL)[0])
        database.execute("INSERT INTO messages (topic, value) VALUES ('orders.raw', x'616263')")
    database.commit()
    command = str(Path(sys.executable).with_name("aura-stream"))
    for verb in (["check"], ["run", "--once"]):
        result = _run(installed, command, *verb, "orders.yaml")
        assert result.returncode == 0, result.stderr
    rows = database.execute("SELECT value FROM messages WHERE topic = 'orders.raw.aura'").fetchall()
    assert rows == [(b"abc",)]
    database.close()


def test_its_options_are_checked_like_those_that_come_with_us(installed: Path) -> None:
    text = (installed / "orders.yaml").read_text().replace("group:", "grup:")
    (installed / "orders.yaml").write_text(text)
    result = _run(installed, str(Path(sys.executable).with_name("aura-stream")), "check", "orders.yaml")
    assert result.returncode == 78
    assert "orders.yaml:3:47: unknown key grup in input.sqlite; did you mean group?" in result.stderr
