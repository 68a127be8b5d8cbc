"""`templates`: what a store holds is listed, shown, exchanged, checked and retired; mistakes end in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from aura_stream.app.verifying import Verification
from aura_stream.cli import exit_codes, main
from aura_stream.cli.templates.drawing import draw
from aura_stream.cli.templates.group import command
from aura_stream.codec import Codebook, HybridCodec, Proposal, Template, times
from aura_stream.codec.slots import IPV4, REPEAT, TEXT, TIME, UUID, slot_type
from aura_stream.model.framing import join_varint
from aura_stream.ports import Finding
from tests.unit.cli.conftest import Invoke

CONFIG = """
namespace: orders
input:
  files: {paths: [orders.log]}
output:
  files: {path: orders.frames}
store:
  file: {path: orders.book}
"""
ISO = slot_type(TIME, times.ISO_T << 4 | 3)
WORD = slot_type(TEXT)
FIRST = Template((ISO, b" ", b"order", b" ", WORD, b" ", b"is", b" ", (b"paid", b"open", b"void", b"late", b"lost")))
SECOND = Template((b"[", b"red", b"]", b"\x1b", b"[", b"31", b"m", b"\n", b"\xff"))
THIRD = Template((slot_type(IPV4), b" ", slot_type(UUID), slot_type(REPEAT, 2)))


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Path:
    (tmp_path / "orders.yaml").write_text(CONFIG)
    (tmp_path / "orders.log").write_bytes(b"")
    book = Codebook().extended(Proposal((FIRST, SECOND), birth=1_700_000_000))
    book = book.extended(Proposal((SECOND, THIRD), opens=True)).without([THIRD.digest])
    book.save(tmp_path / "orders.book")
    return tmp_path / "orders.book"


def listed(invoke: Invoke, *options: str) -> list[dict[str, Any]]:
    result = invoke("templates", "list", "orders.yaml", "--json", *options)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


@pytest.mark.parametrize("verb", command.commands)
def test_each_verb_shows_an_example(verb: str) -> None:
    result = CliRunner().invoke(main, ["templates", verb, "--help"])
    assert result.exit_code == 0
    assert f"aura-stream templates {verb}" in result.output.split("Example", 1)[1]


def test_the_group_has_the_verbs_of_the_store() -> None:
    assert isinstance(command, click.Group)
    assert list(command.commands) == ["list", "show", "export", "import", "verify", "retire", "rebuild"]


def test_templates_are_listed_for_people(invoke: Invoke) -> None:
    result = invoke("templates", "list", "orders.yaml")
    assert result.exit_code == 0, result.output
    assert FIRST.digest.hex()[:12] in result.stdout
    assert "<time iso .3>" in result.stdout
    assert "(retired)" in result.stdout
    assert "2 generations, 4 templates in all, 1 retired" in result.stdout
    assert "\x1b" not in result.stdout


def test_templates_are_listed_for_programs(invoke: Invoke) -> None:
    rows = listed(invoke)
    assert [(row["generation"], row["number"], row["retired"]) for row in rows] == [
        (0, 0, False),
        (0, 1, False),
        (1, 0, False),
        (1, 1, True),
    ]
    assert rows[0] == {
        "generation": 0,
        "number": 0,
        "digest": FIRST.digest.hex(),
        "symbols": 9,
        "slots": 3,
        "literal_bytes": 11,
        "retired": False,
        "pattern": "<time iso .3> order <text> is <enum paid|open|void|late|...>",
    }


def test_a_list_is_cut_and_filtered(invoke: Invoke) -> None:
    assert [row["number"] for row in listed(invoke, "--generation", "1")] == [0, 1]
    assert len(listed(invoke, "--limit", "3")) == 3
    cut = invoke("templates", "list", "orders.yaml", "--limit", "3")
    assert "1 more; --limit 0 shows all" in cut.stdout
    result = invoke("templates", "list", "orders.yaml", "--generation", "2")
    assert (result.exit_code, "no generation 2: the newest is 1" in result.stderr) == (exit_codes.USAGE, True)


def test_an_empty_store_says_so(invoke: Invoke, store: Path) -> None:
    Codebook().save(store)
    assert "holds no template yet" in invoke("templates", "list", "orders.yaml").stdout
    assert listed(invoke) == []
    assert invoke("templates", "show", "orders.yaml", "0").exit_code == exit_codes.USAGE


@pytest.mark.parametrize("name", ["0", FIRST.digest.hex()[:12]])
def test_a_template_is_shown(invoke: Invoke, name: str) -> None:
    result = invoke("templates", "show", "orders.yaml", name, "--generation", "0")
    assert result.exit_code == 0, result.output
    assert "template 0 of generation 0, since generation 0" in result.stdout
    assert FIRST.digest.hex() in result.stdout
    assert "<time iso .3> order <text> is <enum paid|open|void|late|lost>" in result.stdout
    assert f"11 of literals, {len(FIRST.body)} in a codebook" in result.stdout


def test_a_number_is_the_newest_generations(invoke: Invoke) -> None:
    result = invoke("templates", "show", "orders.yaml", "0", "--json")
    shown = json.loads(result.stdout)
    assert (shown["generation"], shown["since"], shown["digest"]) == (1, 0, SECOND.digest.hex())
    assert bytes.fromhex(shown["body"]) == SECOND.body
    assert shown["symbols_in_order"][3] == {"literal": "\\x1b"}
    assert "retired" in invoke("templates", "show", "orders.yaml", "1").stdout


@pytest.mark.parametrize("name", ["9", "nonsense", "ffffffff"])
def test_a_template_that_is_not_there_is_a_usage_error(invoke: Invoke, name: str) -> None:
    assert invoke("templates", "show", "orders.yaml", name).exit_code == exit_codes.USAGE


def test_nothing_that_is_drawn_moves_the_cursor() -> None:
    assert draw(SECOND) == "[red]\\x1b[31m\\n\\xff"
    assert draw(THIRD) == "<ipv4> <uuid><repeat 2 back>"


def test_an_export_is_the_whole_book(invoke: Invoke, store: Path) -> None:
    result = invoke("templates", "export", "orders.yaml", "copy.book")
    assert result.exit_code == 0, result.output
    assert Path("copy.book").read_bytes() == store.read_bytes()


def test_an_export_replaces_nothing_but_an_older_one(invoke: Invoke, store: Path) -> None:
    Codebook().extended(Proposal((FIRST,), birth=1_700_000_000)).save("older.book")
    assert invoke("templates", "export", "orders.yaml", "older.book").exit_code == 0
    assert Path("older.book").read_bytes() == store.read_bytes()
    Codebook().extended(Proposal((THIRD,))).save("other.book")
    Path("notes.txt").write_text("no codebook")
    Path("link.book").symlink_to(store)
    for name in ("other.book", "notes.txt", "orders.book", "link.book"):
        before = Path(name).read_bytes()
        assert invoke("templates", "export", "orders.yaml", name).exit_code == exit_codes.USAGE
        assert Path(name).read_bytes() == before


PATTERNS = {
    "1": {"pattern": "I cannot {0}."},
    "2": {"pattern": "write to jane.doe@example.org"},
    "3": {"pattern": "I can {0"},
}


def test_an_import_takes_the_good_and_names_the_others(invoke: Invoke, store: Path) -> None:
    before = Codebook.load(store)
    Path("platform.json").write_text(json.dumps({"version": "1.0", "platform_templates": PATTERNS}))
    result = invoke("templates", "import", "orders.yaml", "platform.json")
    assert result.exit_code == exit_codes.DAMAGED
    assert "1 imported, 0 known already, 2 refused" in result.stdout
    assert "platform_templates 2 holds what looks like an e-mail address" in result.stderr
    assert "platform_templates 3 has a brace that is never closed" in result.stderr
    assert "jane" not in result.output
    after = Codebook.load(store)
    assert before.is_prefix_of(after)
    codec = HybridCodec(after)
    assert codec.peek(codec.encode(b"I cannot comply.")).template == 2
    again = invoke("templates", "import", "orders.yaml", "platform.json", "--skip-refused")
    assert again.exit_code == 0
    assert "0 imported, 1 known already, 2 refused" in again.stdout
    assert Codebook.load(store) == after


def test_a_dry_run_changes_nothing(invoke: Invoke, store: Path) -> None:
    before = store.read_bytes()
    Path("platform.json").write_text(json.dumps({"version": "1.0", "user_templates": {"7": {"pattern": "so {x}, so"}}}))
    result = invoke("templates", "import", "orders.yaml", "platform.json", "--dry-run", "--phrases")
    assert result.exit_code == 0, result.output
    assert "would be imported: so <text>, so" in result.stdout
    assert "2 would be imported" in result.stdout or "3 would be imported" in result.stdout
    assert store.read_bytes() == before


def test_a_codebook_comes_from_one_namespace_into_another(invoke: Invoke, store: Path) -> None:
    Codebook().extended(Proposal((Template((b"fresh", b" ", WORD)), SECOND))).save("other.book")
    result = invoke("templates", "import", "orders.yaml", "other.book")
    assert result.exit_code == 0, result.output
    assert "1 imported, 1 known already, 0 refused" in result.stdout
    assert listed(invoke)[-1]["pattern"] == "fresh <text>"


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 100, b'{"version": "3.0"}'])
def test_a_file_of_neither_kind_is_refused(invoke: Invoke, store: Path, content: bytes) -> None:
    before = store.read_bytes()
    Path("platform.json").write_bytes(content)
    result = invoke("templates", "import", "orders.yaml", "platform.json")
    assert result.exit_code == exit_codes.DAMAGED
    assert "platform.json: " in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert store.read_bytes() == before


def test_a_store_that_is_well_is_verified(invoke: Invoke, store: Path) -> None:
    codec = HybridCodec(Codebook.load(store))
    Path("orders.frames").write_bytes(join_varint(codec.encode_batch([b"[red] message"] * 50)))
    result = invoke("templates", "verify", "orders.yaml", "--sample", "20")
    assert result.exit_code == 0, result.output
    assert "all is well" in result.stdout
    report = json.loads(invoke("templates", "verify", "orders.yaml", "--json").stdout)
    assert report["ok"] is True
    assert any("the last 50 frames" in finding["subject"] for finding in report["findings"])
    assert any("generation 1: 2 templates" in finding["subject"] for finding in report["findings"])


def test_no_output_yet_is_no_damage(invoke: Invoke) -> None:
    result = invoke("templates", "verify", "orders.yaml")
    assert (result.exit_code, "no frames in files yet" in result.stdout) == (0, True)
    assert "note" not in invoke("templates", "verify", "orders.yaml", "--sample", "0").stdout


@pytest.mark.parametrize("frames", [b"\x02\x8f\x00", b"\xff" * 20])
def test_an_output_that_does_not_decode_is_found(invoke: Invoke, frames: bytes) -> None:
    Path("orders.frames").write_bytes(frames)
    result = invoke("templates", "verify", "orders.yaml")
    assert result.exit_code == exit_codes.DAMAGED, result.output
    assert "something is damaged" in result.stdout


def test_a_damaged_store_is_found(invoke: Invoke, store: Path) -> None:
    data = bytearray(store.read_bytes())
    data[data.index(b"order")] ^= 1
    store.write_bytes(data)
    result = invoke("templates", "verify", "orders.yaml")
    assert result.exit_code == exit_codes.DAMAGED
    assert "entry 0 (template)" in result.output


def test_retired_templates_are_not_written_with_and_still_read(invoke: Invoke, store: Path) -> None:
    codec = HybridCodec(Codebook.load(store))
    frame = codec.encode(b"[red]\x1b[31m\n\xff")
    assert codec.peek(frame).method == "template"
    result = invoke("templates", "retire", "orders.yaml", "0", THIRD.digest.hex())
    assert result.exit_code == 0, result.output
    assert "template 0 of generation 1" in result.stdout
    assert "is retired, as it was" in result.stdout
    after = Codebook.load(store)
    assert after.retired == {SECOND.digest, THIRD.digest}
    assert HybridCodec(after).decode(frame) == b"[red]\x1b[31m\n\xff"


def test_nothing_is_retired_where_one_name_is_wrong(invoke: Invoke, store: Path) -> None:
    before = store.read_bytes()
    assert invoke("templates", "retire", "orders.yaml", "0", "77").exit_code == exit_codes.USAGE
    assert store.read_bytes() == before


def test_a_rebuild_asks_first(invoke: Invoke, store: Path) -> None:
    before = store.read_bytes()
    result = invoke("templates", "rebuild", "orders.yaml", stdin=b"n\n")
    assert result.exit_code == 1
    assert "namespace orders" in result.stderr
    assert store.read_bytes() == before
    assert "rebuilt: " in invoke("templates", "rebuild", "orders.yaml", stdin=b"y\n").stdout
    assert "rebuilt: " in invoke("templates", "rebuild", "orders.yaml", "--yes").stdout


def test_a_store_in_memory_cannot_be_looked_into(invoke: Invoke) -> None:
    Path("orders.yaml").write_text(CONFIG.replace("file: {path: orders.book}", "memory: {}"))
    result = invoke("templates", "list", "orders.yaml")
    assert (result.exit_code, "store.memory" in result.stderr) == (exit_codes.CONFIG, True)


def test_an_unknown_key_ends_in_one_line(invoke: Invoke) -> None:
    Path("orders.yaml").write_text(CONFIG + "  filee: 1\n")
    result = invoke("templates", "list", "orders.yaml")
    assert (result.exit_code, result.stderr.count("error:")) == (exit_codes.CONFIG, 1)


def test_a_server_that_does_not_answer_is_no_damage(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> Verification:
        return Verification([Finding("journal", "it does not answer", "unknown"), Finding("mirror", "")])

    monkeypatch.setattr("aura_stream.cli.templates.care.verify_store", silent)
    result = invoke("templates", "verify", "orders.yaml")
    assert result.exit_code == exit_codes.UNAVAILABLE, result.output
    assert "not all could be looked at" in result.stdout
