"""`aura-stream run`: the bridge of a file, its exit codes, and one line for each mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aura_stream.cli import main, run
from aura_stream.codec import Codebook
from aura_stream.errors import AuraError, ConfigError, MessageError
from aura_stream.mining import Miner
from tests.unit.cli.conftest import Invoke

BRIDGE = """\
namespace: orders
input: {files: {paths: [orders.log]}}
output: {files: {path: "{source}.frames"}}
store: {file: {path: orders.book}}
"""
RESTORE = """\
input: {files: {paths: [orders.log.frames]}}
output: {files: {path: orders.restored}}
codec: {direction: decode}
store: {file: {path: orders.book}}
"""
MESSAGES = b"".join(b'{"order":%d,"state":"paid","amount":%d.50}\n' % (n, n * 7) for n in range(500))


@pytest.fixture(scope="module")
def book() -> bytes:
    """A codebook that was trained on the messages."""
    miner, empty = Miner(), Codebook()
    miner.observe(MESSAGES.splitlines())
    return empty.extended(miner.propose(empty)).to_bytes()


@pytest.fixture
def folder(tmp_path: Path, book: bytes) -> Path:
    """A folder with messages, a codebook and two bridges."""
    (tmp_path / "orders.log").write_bytes(MESSAGES)
    (tmp_path / "orders.book").write_bytes(book)
    (tmp_path / "encode.yaml").write_text(BRIDGE)
    (tmp_path / "restore.yaml").write_text(RESTORE)
    return tmp_path


def errors(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("error: ")]


def test_there_and_back_again(invoke: Invoke, folder: Path) -> None:
    result = invoke("run", "--once", "encode.yaml")
    assert result.exit_code == 0
    assert "done: 500 messages" in result.stderr
    assert (folder / "orders.log.frames").stat().st_size < len(MESSAGES) / 3
    assert invoke("run", "--once", "restore.yaml").exit_code == 0
    assert (folder / "orders.restored").read_bytes() == MESSAGES


def test_a_flag_goes_before_the_file(invoke: Invoke, folder: Path) -> None:
    assert invoke("run", "--once", "--set", "output.files.path=other", "encode.yaml").exit_code == 0
    assert (folder / "other").exists()
    result = invoke("run", "--set", "nonsense", "encode.yaml")
    assert result.exit_code == 2
    assert "not of the form KEY=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("break_it", "code", "line"),
    [
        (lambda folder: (folder / "orders.book").unlink(), 78, "error: store.file.path: there is no codebook orders.book; "
         "make it with: aura-stream train MESSAGES -o orders.book"),
        (lambda folder: (folder / "orders.log").unlink(), 78,
         "error: input.files.paths: orders.log: No such file or directory"),
        (lambda folder: (folder / "encode.yaml").unlink(), 78, "error: encode.yaml: No such file or directory"),
        (lambda folder: (folder / "encode.yaml").write_text(BRIDGE.replace("paths", "pahts")), 78,
         "error: encode.yaml:2:17: unknown key pahts in input.files; did you mean paths?"),
        (lambda folder: (folder / "encode.yaml").write_text(BRIDGE + "codec: {check_bytes: 2}"), 78,
         "error: codec.check_bytes is 2, but codebook orders.book was made with 1"),
        (lambda folder: (folder / "encode.yaml").write_text(BRIDGE + "codec: {raw: marked}"), 78,
         "error: codec.raw is marked, but codebook orders.book was made with plain"),
        (lambda folder: (folder / "encode.yaml").write_text(BRIDGE.replace("frames\"", "frames\", framing: lines")), 78,
         "error: output.files.framing: frames may contain line feeds: write framing: varint, or leave it out"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(
    invoke: Invoke, folder: Path, break_it: Callable[[Path], object], code: int, line: str
) -> None:
    break_it(folder)
    result = invoke("run", "--once", "encode.yaml")
    assert result.exit_code == code
    assert line in errors(result)


def test_a_damaged_codebook_exits_1(invoke: Invoke, folder: Path) -> None:
    book = (folder / "orders.book").read_bytes()
    (folder / "orders.book").write_bytes(book[: len(book) // 2])
    result = invoke("run", "--once", "encode.yaml")
    assert result.exit_code == 1
    assert len(errors(result)) == 1


def test_an_undecodable_frame_exits_1_and_names_its_place(invoke: Invoke, folder: Path) -> None:
    invoke("run", "--once", "encode.yaml")
    Codebook(check_bytes=1).save(folder / "orders.book")  # another book: nobody knows these templates
    result = invoke("run", "--once", "--set", "store.wait=200ms", "restore.yaml")
    assert result.exit_code == 1
    (line,) = errors(result)
    assert line.startswith("error: orders.log.frames partition 0 position 1: cannot be decoded: template 0-")
    assert "did not arrive within 0.2 s; do namespace, store and journal here name" in line
    assert (folder / "orders.restored").read_bytes() == b""


def test_a_server_that_does_not_answer_exits_75(invoke: Invoke, folder: Path) -> None:
    (folder / "encode.yaml").write_text(
        BRIDGE.replace('files: {path: "{source}.frames"}', 'redis_streams: {url: "redis://127.0.0.1:1/0"}')
    )
    result = invoke("run", "--once", "--set", "startup_timeout=300ms", "encode.yaml")
    assert result.exit_code == 75
    (line,) = errors(result)
    assert "127.0.0.1:1" in line


def test_logs_can_be_json(invoke: Invoke, folder: Path) -> None:
    result = invoke("run", "--once", "--set", "logging.format=json", "encode.yaml")
    assert result.exit_code == 0
    assert '"messages": 500' in result.stderr.splitlines()[-1]


def test_several_workers_cannot_share_files(invoke: Invoke, folder: Path) -> None:
    result = invoke("run", "--once", "--workers", "2", "encode.yaml")
    assert result.exit_code == 78
    assert errors(result) == ["error: input.files: several workers cannot share it; leave out --workers"]
    assert not (folder / "orders.log.frames").exists()


def test_a_worker_of_a_fleet_that_fails_in_a_way_that_nobody_foresaw_is_not_taken_for_a_mistake(
    invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(run, "run_bridge", broken)
    monkeypatch.setattr(run, "end_with_supervisor", lambda _seconds: None)
    result = CliRunner().invoke(main, ["run", "--worker", "1", "encode.yaml"])
    assert result.exit_code == 70
    assert "worker 1: this should not happen" in result.stderr
    assert "ValueError: nobody foresaw this" in result.stderr


@pytest.mark.parametrize(("error", "code"), [(MessageError("cannot be written", "in 0", 1), 1), (ConfigError("x"), 78)])
def test_a_worker_of_a_fleet_has_the_exit_codes_of_any_other(
    invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch, error: AuraError, code: int
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(run, "run_bridge", broken)
    monkeypatch.setattr(run, "end_with_supervisor", lambda _seconds: None)
    assert invoke("run", "--worker", "1", "encode.yaml").exit_code == code
