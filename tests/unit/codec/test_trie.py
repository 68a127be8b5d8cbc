"""The trie: from tokens to the templates that match."""

from __future__ import annotations

from aura_stream.codec import Template
from aura_stream.codec.trie import END, MAX_ENUM_EDGES, MAX_SUBWORD, Trie, enum_children
from tests.unit.codec.books import INTEGER


def test_templates_end_at_nodes_with_their_number_and_the_size_of_its_code() -> None:
    trie = Trie([Template((b"a", INTEGER)), Template((b"a",))])
    assert trie.root[b"a"][END] == (1, 1)
    assert trie.root[b"a"][INTEGER][END] == (0, 1)
    assert trie.size == 2


def test_numbers_go_on_when_templates_are_added() -> None:
    trie = Trie()
    trie.extend([Template((b"%d" % number,)) for number in range(192)])
    trie.extend([Template((b"late",))])
    assert trie.root[b"late"][END] == (192, 2)


def test_the_first_of_equal_templates_is_written_with() -> None:
    trie = Trie([Template((b"a",)), Template((b"a",))])
    assert trie.root[b"a"][END] == (0, 1)
    assert trie.subwords == {b"a": (0, 1)}


def test_enums_of_the_same_values_share_a_node_and_others_do_not() -> None:
    values = (b"x", b"y")
    trie = Trie([Template((values, b"1")), Template((values, b"2")), Template(((b"y", b"x"), b"3"))])
    assert [set(child) for child in enum_children(trie.root, b"x")] == [{b"1", b"2"}, {b"3"}]
    assert enum_children(trie.root, b"z") == []


def test_only_a_few_enums_of_one_value_are_looked_at() -> None:
    trie = Trie([Template(((b"x", b"%d" % n), b"1")) for n in range(100)])
    assert len(enum_children(trie.root, b"x")) == MAX_ENUM_EDGES
    assert len(enum_children(trie.root, b"99")) == 1


def test_single_short_literals_are_sub_words() -> None:
    long = b"a" * (MAX_SUBWORD + 1)
    trie = Trie([Template((b"ing",)), Template((long,)), Template((INTEGER,)), Template((b"a", b"b"))])
    assert trie.subwords == {b"ing": (0, 1)}
    assert trie.longest_subword == 3
