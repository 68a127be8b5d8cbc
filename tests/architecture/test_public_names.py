"""What can be imported is what is meant to be."""

from __future__ import annotations

import ast

import pytest

import aura_stream
from aura_stream import errors
from tests.architecture.sources import modules

CONTRACT = {
    "AuraError",
    "Codebook",
    "CodebookError",
    "ConfigError",
    "CorruptFrameError",
    "DecodeError",
    "HybridCodec",
    "LimitExceededError",
    "Miner",
    "UnknownDictionaryError",
    "UnknownTemplateError",
}


def _declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _imported(tree: ast.Module) -> set[str]:
    """Names that come from one of our packages."""
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("aura_stream", "aura_connectors"))
        for alias in node.names
        if not (alias.asname or alias.name).startswith("_")
    }


def _only_a_face(tree: ast.Module) -> bool:
    """Tell whether the module re-exports and does nothing else."""
    return not any(isinstance(node, ast.ClassDef | ast.FunctionDef) for node in tree.body)


FACES = [path for path, tree in modules().items() if path.endswith("__init__.py") and _imported(tree)]


@pytest.mark.parametrize("path", FACES)
def test_a_package_lists_its_names_sorted_and_complete(path: str) -> None:
    """Constants first, then classes, then functions, each in order of the alphabet, as ruff sorts them."""
    tree = modules()[path]
    declared = _declared(tree)
    assert declared is not None, "no __all__"
    assert declared == sorted(declared, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    if _only_a_face(tree):
        assert set(declared) == _imported(tree)


def test_the_contract_can_be_imported() -> None:
    assert set(aura_stream.__all__) >= CONTRACT
    for name in aura_stream.__all__:
        assert getattr(aura_stream, name) is not None


def test_the_error_tree_is_drawn_in_full() -> None:
    """Each leaf stands in the drawing of errors.py."""
    public = [name for name in vars(errors) if name.endswith("Error") and not name.startswith("_")]
    drawing = errors.__doc__ or ""
    assert [name for name in public if name not in drawing] == []
