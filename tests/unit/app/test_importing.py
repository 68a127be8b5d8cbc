"""Importing: from JSON stores and from codebooks; odd entries are named, private ones refused, the rest come in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aura_stream.app.importing import ImportPlan, plan_import, read_import
from aura_stream.app.jsonstore import MAX_ENTRIES, MAX_JSON
from aura_stream.codec import Codebook, HybridCodec, Proposal, Template
from aura_stream.codec.explain import pattern_of
from aura_stream.codec.slots import TEXT, slot_type
from aura_stream.errors import CodebookError

WORD = slot_type(TEXT)
DICTIONARY = b"this text stands in for what zstd's trainer makes " * 8


def store(platform: Any = None, user: Any = None, **more: Any) -> str:
    return json.dumps({"version": "1.0", "platform_templates": platform or {}, "user_templates": user or {}, **more})


def planned(tmp_path: Path, text: str | bytes, book: Codebook | None = None, with_phrases: bool = False) -> ImportPlan:
    path = tmp_path / "store"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return plan_import(book or Codebook(), read_import(path, with_phrases))


def test_patterns_become_templates_that_the_parser_finds(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, store({"12": {"pattern": "I cannot {0}."}}, {"130": {"pattern": "Hello {name}, welcome!"}})
    )
    assert [pattern_of(each) for each in plan.proposal.templates] == ["I cannot {text}.", "Hello {text}, welcome!"]
    codec = HybridCodec(Codebook().extended(plan.proposal), destination="batched")
    for message in (b"I cannot comply.", b"Hello Marie, welcome!"):
        frame = codec.encode(message)
        assert (codec.peek(frame).method, codec.decode(frame)) == ("template", message)
    assert [
        codec.peek(codec.encode(message)).template for message in (b"I cannot comply.", b"Hello Ada, welcome!")
    ] == [0, 1]


def test_other_keys_of_an_entry_and_of_the_store_do_not_matter(tmp_path: Path) -> None:
    plan = planned(tmp_path, store({"1": {"pattern": "a {0}", "category": "x"}}, created="2024"))
    assert (len(plan.proposal.templates), plan.refused) == (1, [])


def test_phrases_are_the_texts_between_slots(tmp_path: Path) -> None:
    text = store({"1": {"pattern": "I cannot {0} because {1}!"}, "2": {"pattern": "no slot at all"}})
    plan = planned(tmp_path, text, with_phrases=True)
    expected = ["I cannot {text} because {text}!", "I cannot ", " because ", "no slot at all"]
    assert [pattern_of(each) for each in plan.proposal.templates] == expected
    codec = HybridCodec(Codebook().extended(plan.proposal), destination="batched")
    assert codec.peek(codec.encode(b"I cannot open the door because it is late!")).method == "template"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("I cannot {0}.", "not an object"),
        ({"text": "I cannot"}, "not an object"),
        (None, "not an object"),
        ({"pattern": 12}, "not a string"),
        ({"pattern": None}, "not a string"),
        ({"pattern": ["I cannot"]}, "not a string"),
        ({"pattern": ""}, "0 characters"),
        ({"pattern": "x" * 5000}, "5000 characters"),
        ({"pattern": "{0}"}, "no text beside its slots"),
        ({"pattern": "I cannot {0"}, "never closed"),
        ({"pattern": "I cannot 0}"}, "without an opening one"),
        ({"pattern": "I {cannot {0}}"}, "inside of braces"),
        ({"pattern": "I {{0}}"}, "inside of braces"),
        ({"pattern": "I cannot {}"}, "neither {0} nor {name}"),
        ({"pattern": "I cannot {0!r:>10}"}, "neither {0} nor {name}"),
        ({"pattern": "I cannot {a b}"}, "neither {0} nor {name}"),
        ({"pattern": "a b " * 40}, "64 symbols"),
        ({"pattern": "word" * 300}, "1000 bytes"),
        ({"pattern": "x" + "{0}" * 70}, "70 slots"),
        ({"pattern": "half \ud800 pair"}, "surrogate"),
        ({"pattern": "write to jane.doe@example.org"}, "e-mail"),
        ({"pattern": "card 4111 1111 1111 1111 {0}"}, "card number"),
        ({"pattern": "key AKIAIOSFODNN7EXAMPLE"}, "key"),
    ],
)
def test_odd_entries_are_refused_by_name_and_the_others_come_in(tmp_path: Path, entry: Any, reason: str) -> None:
    plan = planned(tmp_path, store({"7": entry, "8": {"pattern": "I can {0}."}}, {"9": {"pattern": "so {0}"}}))
    assert [pattern_of(each) for each in plan.proposal.templates] == ["I can {text}.", "so {text}"]
    ((name, why),) = [(each.name, each.reason) for each in plan.refused]
    assert name == "platform_templates 7"
    assert reason in why


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON, at line 1"),
        ("[]", "not a JSON object"),
        ('"1.0"', "not a JSON object"),
        (store(version="2.0"), "not 2.0"),
        (store(version=1.0), "not 1.0 (float)"),
        (store(version=None), "not None"),
        (store(version=["1.0"]), "not no string"),
        ("{}", "not None"),
        (store([1]), "platform_templates is not an object"),
        (store(user="x"), "user_templates is not an object"),
        ('{"version": "1.0", "platform_templates": {"7": {}, "7": {}}}', "'7'? no: the key 7 stands twice"),
        ('{"version": "1.0", "version": "1.0"}', "the key version stands twice"),
        ('{"version": "1.0", "user_templates": {"1": {"pattern": "a b", "pattern": "c d"}}}', "key pattern stands"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"version": NaN}', "NaN is not JSON"),
        ('{"version": ' + "9" * 5000 + "}", "no number of a store"),
        (b'{"version": "\xff"}', "not UTF-8 text, at byte 13"),
        (" " * 10 + "{" + " " * MAX_JSON, "at most"),
        (store({str(n): 0 for n in range(MAX_ENTRIES + 1)}), "more than"),
    ],
)
def test_a_file_that_is_no_store_is_refused_whole(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(CodebookError, match=r"store: ") as caught:
        planned(tmp_path, text)
    assert reason.rpartition("no: ")[2] in str(caught.value)


@pytest.mark.parametrize("content", [b"\x00\x01", b"PK\x03\x04", b"x" * 100])
def test_what_is_neither_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CodebookError):
        planned(tmp_path, content)


def test_a_name_with_control_characters_is_shown_without_them(tmp_path: Path) -> None:
    plan = planned(tmp_path, store({"\x1b[31m\n" + "x" * 100: 0}))
    (refusal,) = plan.refused
    assert refusal.name.isprintable()
    assert len(refusal.name) < 80


def test_a_device_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(CodebookError, match="not a regular file"):
        read_import("/dev/zero")


def book_of(*templates: Template, dictionary: bytes = b"") -> Codebook:
    return Codebook().extended(Proposal(templates, dictionary=dictionary, birth=7))


def test_a_codebook_gives_the_templates_of_its_newest_generation(tmp_path: Path) -> None:
    old, kept, retired = Template((b"old",)), Template((b"kept", WORD)), Template((b"retired",))
    book = book_of(old).extended(Proposal((kept, retired), opens=True)).without([retired.digest])
    plan = planned(tmp_path, book.to_bytes())
    assert plan.proposal.templates == (kept,)


def test_a_codebook_is_screened_like_any_other(tmp_path: Path) -> None:
    private = Template((b"jane", b"@", b"example", b".", b"org"))
    plan = planned(tmp_path, book_of(Template((b"fine",)), private).to_bytes())
    assert [(each.name, "e-mail" in each.reason) for each in plan.refused] == [("template 0-1", True)]
    assert plan.proposal.templates == (Template((b"fine",)),)


def test_a_damaged_codebook_is_refused_with_the_entry_named(tmp_path: Path) -> None:
    data = bytearray(book_of(Template((b"fine",))).to_bytes())
    data[data.index(b"fine")] ^= 1
    with pytest.raises(CodebookError, match=r"entry 0 \(template\)"):
        planned(tmp_path, bytes(data))


def test_what_is_known_is_passed_over(tmp_path: Path) -> None:
    here, new = Template((b"here",)), Template((b"new",))
    plan = planned(tmp_path, book_of(here, new).to_bytes(), book_of(here))
    assert (plan.proposal.templates, list(plan.known)) == ((new,), ["template 0-0"])
    assert planned(tmp_path, book_of(here).to_bytes(), book_of(here)).proposal == Proposal((), birth=0)
    assert not planned(tmp_path, book_of(here).to_bytes(), book_of(here)).proposal


def test_the_same_pattern_twice_is_imported_once(tmp_path: Path) -> None:
    plan = planned(tmp_path, store({"1": {"pattern": "a {0}"}, "2": {"pattern": "a {name}"}}))
    assert (len(plan.proposal.templates), list(plan.known)) == (1, ["platform_templates 2"])


def test_entries_are_appended_to_the_newest_generation_under_new_numbers(tmp_path: Path) -> None:
    book = book_of(Template((b"first",)))
    after = book.extended(planned(tmp_path, store({"0": {"pattern": "second {0}"}}), book).proposal)
    assert book.is_prefix_of(after)
    assert [len(each.templates) for each in after.generations] == [2]


def test_a_dictionary_comes_in_only_where_there_is_none(tmp_path: Path) -> None:
    data = book_of(Template((b"fine",)), dictionary=DICTIONARY).to_bytes()
    assert planned(tmp_path, data).proposal.dictionary == DICTIONARY
    assert planned(tmp_path, data).proposal.birth == 7
    own = planned(tmp_path, data, book_of(Template((b"own",)), dictionary=DICTIONARY + b"own"))
    assert (own.proposal.dictionary, len(own.notes)) == (b"", 1)
    same = planned(tmp_path, data, book_of(Template((b"own",)), dictionary=DICTIONARY))
    assert (same.proposal.dictionary, len(same.notes)) == (b"", 0)


def test_a_dictionary_that_holds_private_text_is_left_out(tmp_path: Path) -> None:
    data = book_of(Template((b"fine",)), dictionary=DICTIONARY + b"jane.doe@example.org").to_bytes()
    plan = planned(tmp_path, data)
    assert plan.proposal.dictionary == b""
    assert "e-mail" in plan.notes[0]


def test_an_empty_book_gives_nothing(tmp_path: Path) -> None:
    plan = planned(tmp_path, Codebook().to_bytes())
    assert (bool(plan.proposal), plan.known, plan.refused) == (False, [], [])


def test_an_export_comes_into_an_empty_namespace_whole(tmp_path: Path) -> None:
    book = book_of(*(Template((b"word%d" % n, WORD)) for n in range(300)), dictionary=DICTIONARY)
    after = Codebook().extended(planned(tmp_path, book.to_bytes()).proposal)
    assert replace(after, retired=frozenset()) == book
