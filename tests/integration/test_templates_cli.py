"""`templates` and `train --store` on a real Redis, with the journal beside the frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from aura_stream.cli import exit_codes, main
from aura_stream.codec import Codebook, HybridCodec
from tests.infra.redis import StartRedis

pytestmark = pytest.mark.integration

LINES = [
    b"2026-04-01T06:%02d:%02d.%03dZ INFO payments order %d authorised for %d.%02d EUR"
    % (n // 60 % 60, n % 60, n * 7 % 1000, 4000 + n, n % 90, n % 100)
    for n in range(400)
]
CONFIG = """
namespace: orders
input:
  redis_streams: {{url: "{url}", streams: [orders.raw], group: aura-orders}}
output:
  redis_streams: {{url: "{url}", stream: "{{source}}.aura"}}
store:
  redis: {{url: "{url}"}}
  mirror: {folder}/mirror
"""


class Shop:
    """A server of its own, a configuration, and the command line."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.client = redis.Redis.from_url(url)
        self.config = folder / "orders.yaml"
        self.config.write_text(CONFIG.format(url=url, folder=folder))
        (folder / "orders.log").write_bytes(b"\n".join(LINES) + b"\n")

    def run(self, *words: str, stdin: str = "") -> Result:
        result = CliRunner().invoke(main, words, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def templates(self, verb: str, *words: str) -> Result:
        return self.run("templates", verb, str(self.config), *words)

    def listed(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.templates("list", "--json").stdout)
        return rows

    def train(self) -> Codebook:
        result = self.run("train", str(self.folder / "orders.log"), "--store", str(self.config))
        assert result.exit_code == 0, result.output
        return self.export()

    def export(self) -> Codebook:
        result = self.templates("export", str(self.folder / "copy.book"))
        assert result.exit_code == 0, result.output
        return Codebook.load(self.folder / "copy.book")

    def store_keys(self) -> list[bytes]:
        keys: list[bytes] = list(self.client.scan_iter("aura:{orders}:*"))
        return keys


@pytest.fixture
def shop(start_redis: StartRedis, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(start_redis().url, tmp_path)
    yield shop
    shop.client.close()


def test_a_namespace_without_a_store_yet_is_empty_and_stays_so(shop: Shop) -> None:
    assert shop.listed() == []
    assert "no template yet" in shop.templates("list").stdout
    assert shop.store_keys() == []


def test_training_promotes_into_the_store(shop: Shop) -> None:
    book = shop.train()
    codec = HybridCodec(book)
    frames = codec.encode_batch(LINES)
    assert codec.decode_batch(frames) == LINES
    assert sum(map(len, LINES)) > 4 * sum(map(len, frames))
    assert len(shop.listed()) == sum(len(each.templates) for each in book.generations)
    assert shop.client.exists("aura-journal-orders")


def test_a_store_and_its_output_are_verified(shop: Shop) -> None:
    book = shop.train()
    for frame in HybridCodec(book).encode_batch(LINES):
        shop.client.xadd("orders.raw.aura", {"d": frame})
    result = shop.templates("verify", "--sample", "100", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["ok"] is True
    subjects = [finding["subject"] for finding in report["findings"]]
    assert {"journal", "log", "output orders.raw.aura: the last 100 frames"} <= set(subjects)
    assert shop.client.xinfo_groups("orders.raw.aura") == []


def test_damage_is_found_in_the_log_and_mended(shop: Shop) -> None:
    """An entry is replaced by other bytes; ids of a stream cannot be given again, so by a copy of the whole."""
    book = shop.train()
    key = b"aura:{orders}:log"
    entries: Any = shop.client.xrange(key)
    shop.client.delete(key)
    for number, (entry, fields) in enumerate(entries):
        changed = {b"e": fields[b"e"][:-1] + b"\0"} if number == len(entries) - 1 else fields
        shop.client.xadd(key, changed, id=entry)
    result = shop.templates("verify")
    assert result.exit_code == exit_codes.DAMAGED, result.output
    assert "log entry" in result.stdout
    assert shop.templates("rebuild", "--yes").exit_code == 0
    result = shop.templates("verify")
    assert result.exit_code == 0, result.output
    assert book.is_prefix_of(shop.export())


def test_a_flushed_store_is_noticed_and_rebuilt_without_a_number_given_twice(shop: Shop) -> None:
    book = shop.train()
    frames = HybridCodec(book).encode_batch(LINES)
    shop.client.delete(*shop.store_keys())
    result = shop.templates("verify")
    assert result.exit_code == exit_codes.DAMAGED, result.output
    assert shop.templates("rebuild", "--yes").exit_code == 0
    after = shop.export()
    assert book.is_prefix_of(after)
    assert len(after.generations) == len(book.generations) + 1
    assert HybridCodec(after).decode_batch(frames) == LINES
    assert shop.templates("verify").exit_code == 0


def test_a_journal_that_was_deleted_is_noticed_and_written_anew(shop: Shop) -> None:
    book = shop.train()
    shop.client.xadd("orders.raw", {"d": LINES[0]})
    assert shop.run("check", str(shop.config)).exit_code == 0
    shop.client.delete("aura-journal-orders")
    result = shop.run("check", str(shop.config))
    assert result.exit_code == exit_codes.DAMAGED, result.output
    assert "the journal in redis is empty" in result.stderr
    assert shop.templates("verify").exit_code == exit_codes.DAMAGED
    assert shop.templates("rebuild", "--yes").exit_code == 0
    assert shop.run("check", str(shop.config)).exit_code == 0
    assert book.is_prefix_of(shop.export())


def test_the_mirrors_of_other_processes_are_looked_at(shop: Shop) -> None:
    shop.train()
    (own,) = (shop.folder / "mirror" / "orders").iterdir()
    for name in ("run-0", "run-1"):
        other = own.with_name(name)
        other.mkdir()
        (other / "entries").write_bytes((own / "entries").read_bytes())
    damaged = bytearray((own / "entries").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (own.with_name("run-1") / "entries").write_bytes(damaged)
    result = shop.templates("verify", "--json")
    assert result.exit_code == exit_codes.DAMAGED, result.output
    found = {each["subject"]: each["severity"] for each in json.loads(result.stdout)["findings"]}
    assert (found["mirror run-0"], found["mirror run-1"]) == ("ok", "repairable")


def test_imports_and_retirements_outlive_a_flush(shop: Shop) -> None:
    (shop.folder / "platform.json").write_text(
        json.dumps({"version": "1.0", "platform_templates": {"12": {"pattern": "I cannot {0}."}}})
    )
    result = shop.templates("import", str(shop.folder / "platform.json"))
    assert result.exit_code == 0, result.output
    (row,) = shop.listed()
    assert row["pattern"] == "I cannot <text>."
    assert shop.templates("retire", row["digest"]).exit_code == 0
    shop.client.delete(*shop.store_keys())
    assert shop.templates("rebuild", "--yes").exit_code == 0
    assert {each["digest"]: each["retired"] for each in shop.listed()} == {row["digest"]: True}


def test_an_export_comes_into_another_namespace(shop: Shop) -> None:
    book = shop.train()
    other = shop.folder / "other.yaml"
    other.write_text(shop.config.read_text().replace("namespace: orders", "namespace: other"))
    result = shop.run("templates", "import", str(other), str(shop.folder / "copy.book"))
    assert result.exit_code == 0, result.output
    rows = json.loads(shop.run("templates", "list", str(other), "--json").stdout)
    assert book.newest is not None
    assert [row["digest"] for row in rows] == [each.digest.hex() for each in book.newest.templates]
    assert len(shop.listed()) == len(rows)


def test_a_server_that_does_not_answer_is_said(shop: Shop) -> None:
    text = shop.config.read_text()
    shop.config.write_text(text.replace(text.partition("127.0.0.1:")[2].partition("/")[0], "1"))
    result = shop.templates("list")
    assert result.exit_code == exit_codes.UNAVAILABLE
    assert "Traceback" not in result.output
