"""`aura-stream check`: what is in order is listed, what is not is one line; nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Invoke

BRIDGE = """\
namespace: orders
input: {files: {paths: [orders.log]}}
output: {files: {path: out/frames}}
store: {memory: {}}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "orders.log").write_bytes(b"one\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "orders.yaml").write_text(BRIDGE)


def test_what_is_in_order_is_listed_and_nothing_is_changed(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("check", "orders.yaml")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "configuration: encode from files to files",
        "codebook: 0 generations, 0 templates, 1 check bytes",
        "note: the codebook holds no template, so small messages stay as large as they are",
        "input: orders.log, 1 partitions",
        "output: files answers",
    ]
    assert list((tmp_path / "out").iterdir()) == []
    assert [path.name for path in tmp_path.glob("orders.log*")] == ["orders.log"]


def test_offline_reaches_nobody(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "orders.log").unlink()
    result = invoke("check", "--offline", "orders.yaml")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "connections: not tested (--offline)"
    assert invoke("check", "orders.yaml").exit_code == 78


SHARED = BRIDGE.replace("{memory: {}}", "{redis: {url: 'redis://127.0.0.1:1/0'}}")


def test_of_a_shared_store_it_tells_the_parts(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(SHARED)
    result = invoke("check", "--offline", "orders.yaml")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1:3] == ["store: redis, with its journal in file", "mirror: mirror"]
    assert not (tmp_path / "mirror").exists()


@pytest.mark.parametrize(
    ("store", "code", "problem"),
    [
        ("{redis: {url: 'redis://127.0.0.1:1/0'}, mirror: orders.log/m}", 78, "store.mirror: orders.log/m cannot be written"),
        ("{redis: {url: 'redis://127.0.0.1:1/0'}}", 75, "127.0.0.1:1"),
    ],
)  # fmt: skip
def test_a_part_of_a_shared_store_that_is_not_well_is_one_line(
    invoke: Invoke, tmp_path: Path, store: str, code: int, problem: str
) -> None:
    (tmp_path / "orders.yaml").write_text(BRIDGE.replace("{memory: {}}", store))
    result = invoke("check", "orders.yaml")
    assert result.exit_code == code
    assert problem in result.stderr.splitlines()[-1]


def test_where_there_is_no_journal_beside_the_frames_it_says_so_offline_too(invoke: Invoke, tmp_path: Path) -> None:
    text = SHARED.replace("output: {files: {path: out/frames}}", "output: {memory: {}}")
    (tmp_path / "orders.yaml").write_text(text)
    result = invoke("check", "--offline", "orders.yaml")
    assert result.exit_code == 78
    assert "store.journal: memory keeps no journal beside the frames" in result.stderr


def test_without_a_mirror_it_says_what_that_means(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(SHARED)
    result = invoke("check", "--offline", "--set", "store.mirror=", "orders.yaml")
    assert "note: without a mirror a worker cannot start while the store is away" in result.stdout


@pytest.mark.parametrize(
    ("source", "sink", "note"),
    [
        ("redis_streams: {url: 'redis://h', streams: [s], group: g}", "files: {path: x}",
         "note: files carry values only: whatever redis_streams keeps beside them stays behind"),
        ("files: {paths: [orders.log]}", "kafka: {servers: 'h:9092'}",
         "note: files carry values only: what arrives in kafka has nothing beside them"),
    ],
)  # fmt: skip
def test_it_says_where_metadata_stays_behind(invoke: Invoke, tmp_path: Path, source: str, sink: str, note: str) -> None:
    (tmp_path / "orders.yaml").write_text(f"input: {{{source}}}\noutput: {{{sink}}}\nstore: {{memory: {{}}}}\n")
    result = invoke("check", "--offline", "orders.yaml")
    assert result.exit_code == 0, result.stderr
    assert note in result.stdout.splitlines()


def test_a_server_that_does_not_answer_exits_75(invoke: Invoke, tmp_path: Path) -> None:
    text = BRIDGE.replace("files: {path: out/frames}", "redis_streams: {url: 'redis://127.0.0.1:1/0'}")
    (tmp_path / "orders.yaml").write_text(text)
    result = invoke("check", "orders.yaml")
    assert result.exit_code == 75
    assert result.stderr.count("error: ") == 1
    assert "127.0.0.1:1" in result.stderr


def test_every_mistake_of_a_file_has_its_line(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(BRIDGE + "codec: {chek_bytes: 1}\nhttp: {listen: x}\n")
    result = invoke("check", "orders.yaml")
    assert result.exit_code == 78
    assert result.stderr.splitlines() == [
        "error: orders.yaml:6:1: http is not built yet; this version serves nothing; for a health check see heartbeat",
        "error: orders.yaml:5:9: unknown key chek_bytes in codec; did you mean check_bytes?",
    ]


def test_the_schema_is_printed_without_a_file(invoke: Invoke) -> None:
    result = invoke("check", "--schema")
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    assert "kafka" in json.dumps(schema)
    assert schema["required"] == ["input", "output", "store"]
