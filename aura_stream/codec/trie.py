"""The trie of a generation: from the tokens of a message to the templates that match at a place.

A node is a plain dict. Keys: a literal's bytes, a slot type (int), ENUM_EDGES for its enums, REPEAT_EDGES for its
repeats of a fixed distance (a list of slot types), END for what ends here: (template number, size of its code).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Final

from aura_stream.codec.slots import REPEAT, kind_of, parameter_of
from aura_stream.codec.template import Template
from aura_stream.codec.wire import ONE_BYTE_CODES, TWO_BYTE_CODES

Node = dict[Any, Any]
END: Final = None
ENUM_EDGES: Final = -1
REPEAT_EDGES: Final = -2
MAX_SUBWORD: Final = 24
MAX_ENUM_EDGES: Final = 8  # enums with the same value that a parse looks at: the first inserted


def code_size(number: int) -> int:
    """Return the size of a template number's code."""
    return 1 if number < ONE_BYTE_CODES else 2 if number < TWO_BYTE_CODES else 3


class Trie:
    """Templates by their symbols; single literals also by themselves, as the pieces of unknown words."""

    def __init__(self, templates: Iterable[Template] = (), retired: Container[bytes] = ()) -> None:
        self.root: Node = {}
        self.subwords: dict[bytes, tuple[int, int]] = {}
        self.longest_subword = 0
        self.size = 0
        self.extend(templates, retired)

    def extend(self, templates: Iterable[Template], retired: Container[bytes] = ()) -> None:
        """Insert templates under the next numbers; those whose digests are retired keep theirs, and are never found."""
        for template in templates:
            if not retired or template.digest not in retired:
                self._insert(template, self.size)
            self.size += 1

    def _insert(self, template: Template, number: int) -> None:
        end = (number, code_size(number))
        node = self.root
        for symbol in template.symbols:
            if isinstance(symbol, int) and kind_of(symbol) == REPEAT and symbol not in node and parameter_of(symbol):
                node.setdefault(REPEAT_EDGES, []).append(symbol)
            node = _enum_child(node, symbol) if isinstance(symbol, tuple) else node.setdefault(symbol, {})
        node.setdefault(END, end)
        first = template.symbols[0]
        if len(template.symbols) == 1 and isinstance(first, bytes) and len(first) <= MAX_SUBWORD:
            self.subwords.setdefault(first, end)
            self.longest_subword = max(self.longest_subword, len(first))


class _EnumEdges:
    """The enums that lead on from a node, and for each of their values the children it leads to."""

    __slots__ = ("by_enum", "by_value")

    def __init__(self) -> None:
        self.by_enum: dict[tuple[bytes, ...], Node] = {}
        self.by_value: dict[bytes, list[Node]] = {}


def _enum_child(node: Node, values: tuple[bytes, ...]) -> Node:
    edges: _EnumEdges = node.setdefault(ENUM_EDGES, _EnumEdges())
    known = edges.by_enum.get(values)
    if known is not None:
        return known
    child = edges.by_enum[values] = {}
    for value in values:
        children = edges.by_value.setdefault(value, [])
        if len(children) < MAX_ENUM_EDGES:
            children.append(child)
    return child


def enum_children(node: Node, value: bytes) -> list[Node]:
    """Return the nodes that a value leads to through enums: a few, however many enums there are."""
    edges: _EnumEdges = node[ENUM_EDGES]
    return edges.by_value.get(value, [])
