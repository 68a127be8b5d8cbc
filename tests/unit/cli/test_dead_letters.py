"""`aura-stream dead-letters`: what lies there is listed and shown without its content, and goes over once more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aura_connectors.memory import MemoryBroker
from aura_connectors.memory import connector as memory

from aura_stream.codec import Codebook, HybridCodec
from aura_stream.model import Batch, Entries, Note, Partition, Records
from aura_stream.model.framing import split_varint
from tests.unit.cli.conftest import Invoke
from tests.unit.codec.books import mined, sample_messages

BRIDGE = """\
namespace: orders
input: {files: {paths: [orders.log]}}
output: {files: {path: frames}}
store: {memory: {}}
limits: {message: 20B}
dead_letter: {path: dead}
"""
MESSAGES = (b"short", b"secret " * 6, b"short too", b"secret " * 4)
LARGER = ("--set", "limits.message=1KiB")


@pytest.fixture
def folder(invoke: Invoke, tmp_path: Path) -> Path:
    """A folder in which two of four messages became dead letters."""
    (tmp_path / "orders.yaml").write_text(BRIDGE)
    (tmp_path / "orders.log").write_bytes(b"".join(message + b"\n" for message in MESSAGES))
    assert invoke("run", "--once", "orders.yaml").exit_code == 0
    return tmp_path


@pytest.mark.usefixtures("folder")
class TestList:
    def test_a_line_for_each_letter_tells_where_and_why_and_not_what(self, invoke: Invoke) -> None:
        result = invoke("dead-letters", "list", "orders.yaml")
        assert result.exit_code == 0, result.stderr
        lines = [line.split() for line in result.stdout.splitlines() if "orders.log/" in line]
        assert [(line[0], line[2], line[3], line[4]) for line in lines] == [
            ("dead/0/1", "orders.log/0/2", "42", "1"),
            ("dead/0/2", "orders.log/0/4", "28", "1"),
        ]
        assert "RefusedMessageError: 42 bytes are more than limits.message" in result.stdout
        assert result.stdout.splitlines()[-1] == "2 dead letters"
        assert "secret" not in result.output

    def test_json_has_all_of_the_note(self, invoke: Invoke) -> None:
        rows = json.loads(invoke("dead-letters", "list", "orders.yaml", "--json").stdout)
        assert [row["place"] for row in rows] == ["dead/0/1", "dead/0/2"]
        assert {name: rows[0][name] for name in ("bytes", "topic", "partition", "position", "error", "attempts")} == {
            "bytes": 42, "topic": "orders.log", "partition": 0, "position": "2", "error": "RefusedMessageError",
            "attempts": 1,
        }  # fmt: skip
        assert len(rows[0]["codebook"]) == 32

    def test_a_limit_shows_the_first_ones_and_says_that_there_are_more(self, invoke: Invoke) -> None:
        result = invoke("dead-letters", "list", "orders.yaml", "--limit", "1")
        assert "dead/0/2" not in result.stdout
        assert result.stdout.splitlines()[-1] == "1 dead letter; there are more, --limit 0 shows all"

    def test_where_there_are_none_it_says_so(self, invoke: Invoke, tmp_path: Path) -> None:
        result = invoke("dead-letters", "list", "orders.yaml", "--set", "dead_letter.path=elsewhere")
        assert (result.exit_code, result.stdout) == (0, "no dead letters\n")
        assert not (tmp_path / "elsewhere").exists()

    def test_a_bridge_that_keeps_none_is_a_matter_of_the_configuration(self, invoke: Invoke, tmp_path: Path) -> None:
        (tmp_path / "orders.yaml").write_text(BRIDGE.replace("dead_letter: {path: dead}\n", ""))
        for verb in (["list"], ["show"], ["replay"]):
            result = invoke("dead-letters", *verb, "orders.yaml", *(["1"] if verb == ["show"] else []))
            assert (result.exit_code, result.stderr) == (
                78,
                "error: dead_letter: no place is named, so nothing became a dead letter here\n",
            )


class TestShow:
    @pytest.mark.usefixtures("folder")
    def test_the_note_is_shown_and_the_content_only_where_it_is_asked_for(self, invoke: Invoke) -> None:
        result = invoke("dead-letters", "show", "orders.yaml", "dead/0/1")
        assert result.exit_code == 0, result.stderr
        assert result.stdout.splitlines()[0] == "dead/0/1"
        assert "  message    orders.log/0/2" in result.stdout.splitlines()
        assert "  bytes      42" in result.stdout.splitlines()
        assert "secret" not in result.output
        shown = invoke("dead-letters", "show", "orders.yaml", "1", "2", "--payload").stdout
        assert "  00000000  73 65 63 72 65 74 20 73 65 63 72 65 74 20 73 65  secret secret se" in shown.splitlines()
        assert "dead/0/2" in shown.splitlines()

    @pytest.mark.usefixtures("folder")
    def test_its_bytes_are_written_to_a_file_as_they_are(self, invoke: Invoke, tmp_path: Path) -> None:
        assert invoke("dead-letters", "show", "orders.yaml", "1", "-o", "out").exit_code == 0
        assert (tmp_path / "out").read_bytes() == MESSAGES[1]
        assert invoke("dead-letters", "show", "orders.yaml", "2", "-o", "-").stdout_bytes == MESSAGES[3]
        result = invoke("dead-letters", "show", "orders.yaml", "1", "2", "-o", "out")
        assert (result.exit_code, "-o takes the bytes of one dead letter" in result.stderr) == (2, True)

    @pytest.mark.usefixtures("folder")
    def test_a_place_where_none_lies_is_a_mistake_of_the_command_line(self, invoke: Invoke) -> None:
        result = invoke("dead-letters", "show", "orders.yaml", "dead/0/9")
        assert (result.exit_code, "no dead letter lies at dead/0/9" in result.stderr) == (2, True)


class TestShowOfRecords:
    @pytest.fixture(autouse=True)
    def _letters(self, tmp_path: Path) -> Iterator[None]:
        (tmp_path / "orders.yaml").write_text(
            "input: {memory: {topics: [in]}}\noutput: {memory: {}}\nstore: {memory: {}}\n"
            "codec: {direction: decode}\ndead_letter: {topic: dead}\n"
        )
        self.broker = MemoryBroker.named("default")
        yield
        MemoryBroker.forget("default")

    def bury(self, partition: int, batch: Batch, note: Note | None) -> None:
        if note is not None:
            batch = memory.marked(batch, [note.to_bytes()])
        self.broker.create("dead", 3)
        self.broker.append(Partition("dead", partition), batch.values, batch.metadata)

    def note(self, **fields: str) -> Note:
        return Note(**{"reason": "r", "error": "E", "direction": "decode", "topic": "in", "position": "3"} | fields, partition=0, time=1.5)  # type: ignore[arg-type]  # fmt: skip

    def test_names_beside_a_message_are_shown_and_what_they_hold_only_where_it_is_asked_for(
        self, invoke: Invoke
    ) -> None:
        records = Records([b"secret"], [[("trace", b"secret 2"), ("empty", None)]], [1_700_000_000_000], [0])
        entries = Entries([b"1700000000000-3"], [((b"colour\n", b"secret"),)], [0])
        for place, metadata in enumerate[Records | Entries]([records, entries]):
            self.bury(place, Batch(Partition("in"), [b"\x82secret"], [3], metadata), self.note())
        shown = invoke("dead-letters", "show", "orders.yaml", "0/0", "1/0").stdout.splitlines()
        assert [line for line in shown if line.split()[0] in ("key", "header", "timestamp", "entry", "field")] == [
            "  timestamp  2023-11-14T22:13:20.000+00:00",
            "  key        6 bytes",
            "  header     trace: 8 bytes",
            "  header     empty: null",
            "  entry      1700000000000-3",
            "  field      colour\\n: 6 bytes",
        ]
        assert "secret" not in "".join(shown)
        assert (
            "  header     trace: 'secret 2'" in invoke("dead-letters", "show", "orders.yaml", "0/0", "--payload").stdout
        )

    def test_of_a_frame_it_tells_method_and_generation(self, invoke: Invoke) -> None:
        frame = HybridCodec(mined(1)).encode(sample_messages()[0])
        self.bury(0, Batch(Partition("in"), [frame], [3]), self.note())
        self.bury(1, Batch(Partition("in"), [b"\xf5"], [3]), self.note())
        self.bury(2, Batch(Partition("in"), [b"\xfc..."], [3]), self.note())
        frames = [
            invoke("dead-letters", "show", "orders.yaml", f"{place}/0").stdout.splitlines()[-1] for place in range(3)
        ]
        assert frames[0].startswith("  frame      method template, generation 0, begins with template")
        assert frames[1].startswith("  frame      none: ")
        assert frames[2] == "  frame      method brotli"

    def test_a_position_that_several_have_is_told_with_their_names(self, invoke: Invoke) -> None:
        for place in range(2):
            self.bury(place, Batch(Partition("in"), [None], [3]), self.note())
        result = invoke("dead-letters", "show", "orders.yaml", "0")
        assert result.exit_code == 2
        assert "0 may be one of 2: dead/0/0, dead/1/0" in result.stderr
        result = invoke("dead-letters", "show", "orders.yaml", "0/0", "-o", "out")
        assert (result.exit_code, "dead/0/0 is a null: it has no bytes" in result.stderr) == (2, True)

    def test_what_others_wrote_there_is_told_apart_and_cannot_play_with_the_terminal(self, invoke: Invoke) -> None:
        self.bury(0, Batch(Partition("in"), [b"foreign"], [3]), None)
        self.bury(1, Batch(Partition("in"), [None], [3]), self.note(reason="\x1b[2J", error="[red]E", codebook="\r"))
        listed = invoke("dead-letters", "list", "orders.yaml").stdout
        assert "no note of ours: somebody else wrote it there" in listed
        assert "[red]E: \\x1b[2J" in listed
        assert "\x1b" not in listed
        shown = invoke("dead-letters", "show", "orders.yaml", "0/0", "1/0").stdout
        assert "no note of ours" in shown
        assert "  bytes      null" in shown.splitlines()
        assert "\r" not in shown
        rows = json.loads(invoke("dead-letters", "list", "orders.yaml", "--json").stdout)
        assert rows[0] == {"place": "dead/0/0", "bytes": 7}


class TestReplay:
    def test_what_fits_now_goes_over_and_is_no_dead_letter_any_more(self, invoke: Invoke, folder: Path) -> None:
        result = invoke("dead-letters", "replay", "orders.yaml", *LARGER)
        assert (result.exit_code, result.stdout) == (0, "2 went over, 0 became dead letters again\n")
        frames = split_varint((folder / "frames").read_bytes(), 0, 10, 1000).values
        messages = HybridCodec(Codebook()).decode_batch(frames)
        assert messages == [MESSAGES[0], MESSAGES[2], MESSAGES[1], MESSAGES[3]]
        assert invoke("dead-letters", "list", "orders.yaml").stdout == "no dead letters\n"
        assert invoke("dead-letters", "replay", "orders.yaml").exit_code == 0

    @pytest.mark.usefixtures("folder")
    def test_what_fails_again_is_told_by_the_exit_code(self, invoke: Invoke) -> None:
        result = invoke("dead-letters", "replay", "orders.yaml", "--set", "limits.message=30B")
        assert (result.exit_code, result.stdout) == (1, "1 went over, 1 became dead letters again\n")
        (row,) = json.loads(invoke("dead-letters", "list", "orders.yaml", "--json").stdout)
        assert (row["position"], row["attempts"]) == ("2", 2)

    @pytest.mark.usefixtures("folder")
    def test_only_one_can_be_asked_for(self, invoke: Invoke) -> None:
        result = invoke("dead-letters", "replay", "orders.yaml", *LARGER, "--only", "orders.log/0/4")
        assert (result.exit_code, result.stdout) == (
            0, "1 went over, 0 became dead letters again, 1 are left as they are\n",
        )  # fmt: skip
        result = invoke("dead-letters", "replay", "orders.yaml", "--only", "orders.log/0/4")
        assert result.exit_code == 2
        assert "no dead letter here is message orders.log/0/4 of this bridge" in result.stderr

    @pytest.mark.usefixtures("folder")
    def test_a_rehearsal_writes_nothing_and_tells_what_would_fail(self, invoke: Invoke, tmp_path: Path) -> None:
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        result = invoke("dead-letters", "replay", "orders.yaml", "--dry-run", "--set", "limits.message=30B")
        assert (result.exit_code, result.stdout.splitlines()) == (1, [
            "orders.log/0/2: RefusedMessageError: 42 bytes are more than limits.message",
            "1 would go over, 1 would fail again",
        ])  # fmt: skip
        assert "a dead letter" not in result.stderr
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        result = invoke("dead-letters", "replay", "orders.yaml", "--dry-run", *LARGER)
        assert (result.exit_code, result.stdout) == (0, "2 would go over, 0 would fail again\n")


@pytest.mark.parametrize("verb", ["list", "show", "replay"])
def test_help_has_examples_and_exit_codes(invoke: Invoke, verb: str) -> None:
    text = invoke("dead-letters", verb, "--help").stdout
    assert f"aura-stream dead-letters {verb} orders.yaml" in text
    assert "Exit codes:" in text
