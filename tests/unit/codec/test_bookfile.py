"""Codebook files: whatever happened to one, it is read as it was written or it is a CodebookError with its entry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream import Codebook, CodebookError
from aura_stream.codec import Generation, Proposal, Template, bookfile
from aura_stream.codec.template import digest_of
from tests.unit.codec.books import BIRTH, DICTIONARY, TEMPLATES, by_hand, many_generations, mined

SMALL = Codebook(2, "marked", (Generation(TEMPLATES[:2], DICTIONARY[:40], BIRTH), Generation(TEMPLATES[1:3])))


def _file(*values: Any, header: Any = ("aura-codebook", 1, 1, "plain"), end: Any = None) -> bytes:
    data = b"".join(msgpack.packb(value) for value in (header, *values))
    return data + msgpack.packb(["end", len(values), digest_of(data)] if end is None else end)


def _record(kind: Any, body: Any) -> list[Any]:
    return [kind, digest_of(body), body]


def _generation(birth: Any, digests: Any, dictionary: Any = b"") -> list[Any]:
    return _record("generation", msgpack.packb([birth, digests, dictionary]))


RETIRED = SMALL.without([TEMPLATES[0].digest, TEMPLATES[1].digest])


@pytest.mark.parametrize(
    "book", [Codebook(), Codebook(4, "marked"), SMALL, RETIRED, by_hand(), mined(), many_generations(25)]
)
def test_a_saved_book_is_loaded_again(book: Codebook, tmp_path: Path) -> None:
    path = tmp_path / "a.book"
    book.save(path)
    assert Codebook.load(path) == book
    assert Codebook.load(str(path)).digest == book.digest
    assert os.listdir(tmp_path) == ["a.book"]


def test_an_entry_that_several_generations_name_is_written_once() -> None:
    book = Codebook(generations=(Generation(TEMPLATES, DICTIONARY),) * 3)
    kinds = [value[0] for value in _values(book.to_bytes())[1:-1]]
    assert (kinds.count("template"), kinds.count("dictionary"), kinds.count("generation")) == (len(TEMPLATES), 1, 3)
    assert Codebook.from_bytes(book.to_bytes()) == book


def test_a_dictionary_with_the_bytes_of_a_template_is_kept_apart_from_it() -> None:
    book = Codebook(generations=(Generation(TEMPLATES, TEMPLATES[0].body),))
    assert Codebook.from_bytes(book.to_bytes()) == book


def _values(data: bytes) -> list[Any]:
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    return list(unpacker)


def test_every_truncation_is_refused_and_names_the_entry() -> None:
    data = SMALL.to_bytes()
    for end in range(len(data)):
        with pytest.raises(CodebookError) as caught:
            Codebook.from_bytes(data[:end], "my.book")
        assert caught.value.entry
        assert str(caught.value).startswith(f"my.book: {caught.value.entry}")


def test_every_single_flipped_bit_is_refused_and_names_the_entry() -> None:
    data = SMALL.to_bytes()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(CodebookError) as caught:
            Codebook.from_bytes(bytes(damaged))
        assert caught.value.entry


@pytest.mark.parametrize(("place", "entry"), [(1, "entry 0 (template)"), (3, "entry 2 (dictionary)"), (-1, "end")])
def test_the_entry_that_is_damaged_is_the_one_that_is_named(place: int, entry: str) -> None:
    values = _values(SMALL.to_bytes())
    broken = msgpack.packb(values[place])[:-1] + b"\x00"
    data = b"".join(msgpack.packb(value) for value in values[:place]) if place else b""
    with pytest.raises(CodebookError) as caught:
        Codebook.from_bytes(data + broken)
    assert caught.value.entry == entry


TEMPLATE = _record("template", TEMPLATES[0].body)
NAME = TEMPLATE[1]
HOSTILE = {
    "nothing": b"",
    "not msgpack": b"\xc1",
    "text": b"hello world\n",
    "a header that is no list": _file(header=5),
    "a header too short": _file(header=["aura-codebook", 1, 1]),
    "a header too long": _file(header=["aura-codebook", 1, 1, "plain", 0]),
    "another magic": _file(header=["aura-journal", 1, 1, "plain"]),
    "format 2": _file(header=["aura-codebook", 2, 1, "plain"]),
    "a format that is text": _file(header=["aura-codebook", "1", 1, "plain"]),
    "3 check bytes": _file(header=["aura-codebook", 1, 3, "plain"]),
    "check bytes that are a float": _file(header=["aura-codebook", 1, 1.0, "plain"]),
    "check bytes that are a list": _file(header=["aura-codebook", 1, [1], "plain"]),
    "another raw": _file(header=["aura-codebook", 1, 1, "bare"]),
    "raw that is bytes": _file(header=["aura-codebook", 1, 1, b"plain"]),
    "no end": _file()[:-20],
    "two ends": _file() + _file()[-20:],
    "bytes behind the end": _file() + b"\x00",
    "an end that counts wrongly": _file(end=["end", 1, digest_of(msgpack.packb(["aura-codebook", 1, 1, "plain"]))]),
    "an end with another digest": _file(end=["end", 0, b"x" * 16]),
    "an end without a digest": _file(end=["end", 0, None]),
    "an entry that is a number": _file(7),
    "an entry that is text": _file("abc"),
    "an entry that is a map": _file({"a": 1}),
    "an entry too short": _file(["template", NAME]),
    "an unknown kind": _file(_record("packed", b"x")),
    "a kind that is a list": _file(_record(["template"], b"x")),
    "a kind that is bytes": _file(_record(b"template", TEMPLATES[0].body)),
    "a body that is text": _file(["template", NAME, "x"]),
    "a wrong digest": _file(["template", b"x" * 16, TEMPLATES[0].body]),
    "a template of nothing": _file(_record("template", msgpack.packb([]))),
    "a template in another spelling": _file(_record("template", b"\xdc\x00\x01\xc4\x01a")),
    "a dictionary that zstd refuses": _file(
        dictionary := _record("dictionary", b"\x37\xa4\x30\xec" + b"garbage" * 20), _generation(0, [], dictionary[1])
    ),
    "a dictionary too large": _file(large := _record("dictionary", bytes((1 << 20) + 1)), _generation(0, [], large[1])),
    "a generation that names what is not there": _file(_generation(0, [NAME])),
    "a generation before its template": _file(_generation(0, [NAME]), TEMPLATE),
    "a generation without its dictionary": _file(_generation(0, [], b"x" * 16)),
    "a generation whose names are lists": _file(TEMPLATE, _generation(0, [[NAME]])),
    "a generation whose names are a number": _file(_generation(0, 5)),
    "a generation whose names are bytes": _file(_generation(0, b"abc")),
    "a generation whose dictionary is a list": _file(_generation(0, [], [])),
    "a generation born before time": _file(_generation(-1, [])),
    "a generation born too late": _file(_generation(1 << 40, [])),
    "a generation born at a fraction": _file(_generation(1.5, [])),
    "a generation born at nothing": _file(_generation(None, [])),
    "a generation that is no list": _file(_record("generation", msgpack.packb(5))),
    "a generation that is no msgpack": _file(_record("generation", b"\xc1")),
    "a generation with more behind it": _file(_record("generation", msgpack.packb([0, [], b""]) + b"\x00")),
    "a list of 2^32 items": b"\xdd\xff\xff\xff\xff",
    "lists of 2^28 items in each other": b"\xdd\x0f\xff\xff\xff" * 1000,
    "a map of 2^32 items": b"\xdf\xff\xff\xff\xff",
    "2^32 bytes": b"\xc6\xff\xff\xff\xff",
    "2^32 characters": b"\xdb\xff\xff\xff\xff",
    "lists in lists": b"\x91" * 100_000,
    "a generation of 2^28 names": _file(_record("generation", b"\x93\x00\xdd\x0f\xff\xff\xff")),
    "a template of 2^28 symbols": _file(_record("template", b"\xdd\x0f\xff\xff\xff")),
    "an extension type": _file(msgpack.ExtType(1, b"x")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_codebook_error_and_nothing_else(name: str) -> None:
    with pytest.raises(CodebookError) as caught:
        Codebook.from_bytes(HOSTILE[name])
    assert caught.value.entry


@pytest.mark.parametrize("name", ["3 check bytes", "another raw", "format 2", "another magic"])
def test_a_header_that_cannot_be_is_the_entry_to_blame(name: str) -> None:
    with pytest.raises(CodebookError) as caught:
        Codebook.from_bytes(HOSTILE[name])
    assert caught.value.entry == "header"


def test_an_unknown_format_is_told_apart_from_damage() -> None:
    with pytest.raises(CodebookError, match="format 2 is not known here; this version reads format 1"):
        Codebook.from_bytes(HOSTILE["format 2"])


@given(st.binary(max_size=100))
def test_any_bytes_behind_a_header_are_a_book_or_a_codebook_error(tail: bytes) -> None:
    with pytest.raises(CodebookError):
        Codebook.from_bytes(msgpack.packb(["aura-codebook", 1, 1, "plain"]) + tail)


def test_a_file_larger_than_any_book_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookfile, "MAX_FILE", 100)
    path = tmp_path / "large.book"
    path.write_bytes(bytes(101))
    with pytest.raises(CodebookError, match="at most 100 bytes"):
        Codebook.load(path)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Codebook.load(tmp_path / "none.book")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_and_no_litter(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.book"
    SMALL.save(path)

    def fail(*_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="no space"):
        SMALL.extended(Proposal((Template((b"more",)),))).save(path)
    monkeypatch.undo()
    assert Codebook.load(path) == SMALL
    assert os.listdir(tmp_path) == ["a.book"]


def test_a_save_into_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SMALL.save(tmp_path / "none" / "a.book")


def test_retiring_what_is_retired_changes_nothing() -> None:
    assert RETIRED.without([TEMPLATES[0].digest]) is RETIRED
    assert RETIRED.digest != SMALL.digest


@pytest.mark.parametrize("body", [b"", b"x" * 15, b"x" * 17])
def test_retired_digests_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(CodebookError, match="list of digests"):
        Codebook.from_bytes(_file(_record("retired", body)))


@pytest.mark.parametrize(("kind", "bodies"), [("template", TEMPLATES[:2]), ("dictionary", (b"one" * 9, b"two" * 9))])
def test_two_entries_with_one_digest_are_refused(
    kind: str, bodies: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (each.body if isinstance(each, Template) else each for each in bodies)
    honest = digest_of
    monkeypatch.setattr(bookfile, "digest_of", lambda body: honest(first if body == second else body))
    records = [[kind, honest(first), body] for body in (first, second)]
    with pytest.raises(CodebookError, match=rf"entry 1 \({kind}\): another entry has the same digest"):
        Codebook.from_bytes(_file(*records))
    assert Codebook.from_bytes(_file(records[0], records[0])) == Codebook()


@pytest.mark.parametrize(
    "body",
    [
        msgpack.packb([0, []]),
        msgpack.packb([0, [], b"", 0]),
        msgpack.packb([0, [], b""]) + b"\xc0",
        b"\x93\x00\xdd\xff\xff\xff\xff",
        b"\x93\x00\xdd\x00\x07\xff\xff",
        b"\x93\x00\x91\xdd\x00\x00\xff\xff",
        b"\x80",
        b"",
    ],
)
def test_a_generation_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(CodebookError, match=r"entry 0 \(generation\)"):
        Codebook.from_bytes(_file(_record("generation", body)))
