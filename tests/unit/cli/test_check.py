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
        "note: without dead_letter a message that cannot go over stops the worker",
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


class TestDeadLetters:
    @pytest.mark.parametrize("offline", [False, True])
    def test_it_names_their_place_and_makes_nothing(self, invoke: Invoke, tmp_path: Path, offline: bool) -> None:
        (tmp_path / "orders.yaml").write_text(BRIDGE + "dead_letter: {path: 'out/{source}.dead'}\n")
        result = invoke("check", *(["--offline"] if offline else []), "orders.yaml")
        assert result.exit_code == 0, result.stderr
        assert f"dead letters: out/{'{source}' if offline else 'orders.log'}.dead" in result.stdout.splitlines()
        assert "without dead_letter" not in result.stdout
        assert list((tmp_path / "out").iterdir()) == []

    @pytest.mark.parametrize(
        ("place", "problem"),
        [
            ("{path: nowhere/dead}", "dead_letter.path: nowhere does not exist, or may not be written"),
            ("{path: orders.log}", "output orders.log is one of the inputs"),
            ("{path: out/frames}", "dead_letter.path: out/frames is the output"),
            ("{topic: dead}", "dead_letter.topic: the output is files: name a path there instead"),
        ],
    )
    def test_a_place_that_cannot_be_is_refused(self, invoke: Invoke, tmp_path: Path, place: str, problem: str) -> None:
        (tmp_path / "orders.yaml").write_text(BRIDGE + f"dead_letter: {place}\n")
        result = invoke("check", "orders.yaml")
        assert result.exit_code == 78
        assert problem in result.stderr

    def test_inputs_that_would_share_it_though_they_share_no_output_are_refused(
        self, invoke: Invoke, tmp_path: Path
    ) -> None:
        (tmp_path / "more.log").touch()
        text = BRIDGE.replace("[orders.log]", "[orders.log, more.log]").replace("out/frames", "'out/{source}'")
        (tmp_path / "orders.yaml").write_text(text + "dead_letter: {path: dead}\n")
        result = invoke("check", "orders.yaml")
        assert result.exit_code == 78
        assert "2 inputs would share dead, though each has an output of its own" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("--offline",)])
def test_exactly_once_where_it_cannot_be_is_refused_with_the_reason(
    invoke: Invoke, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "orders.yaml").write_text(BRIDGE + "delivery: exactly_once\n")
    result = invoke("check", *arguments, "orders.yaml")
    assert result.exit_code == 78
    assert "delivery: exactly_once: files cannot publish and settle in one step" in result.stderr
    assert "set delivery: at_least_once" in result.stderr


def test_exactly_once_where_it_can_be_is_told(invoke: Invoke, tmp_path: Path) -> None:
    text = "input: {memory: {topics: [t]}}\noutput: {memory: {}}\nstore: {memory: {}}\ndelivery: exactly_once\n"
    (tmp_path / "orders.yaml").write_text(text)
    result = invoke("check", "--offline", "orders.yaml")
    assert result.exit_code == 0, result.stderr
    assert "delivery: exactly once: memory publishes and settles in one step" in result.stdout.splitlines()
