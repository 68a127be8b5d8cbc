"""Modules, functions and parameter lists stay small enough to read."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.sources import ROOT, functions, modules

MAX_MODULE = 400
MAX_FUNCTION = 40
MAX_PARAMETERS = 8


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which is welcome to be long."""
    assert function.end_lineno is not None
    length = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        assert first.end_lineno is not None
        length -= first.end_lineno - first.lineno + 1
    return length


@pytest.mark.parametrize("path", modules())
def test_no_module_is_longer_than_400_lines(path: str) -> None:
    assert len((ROOT / path).read_text("utf-8").splitlines()) <= MAX_MODULE


def test_no_function_is_longer_than_40_lines() -> None:
    assert [place for place, function in functions() if _length(function) > MAX_FUNCTION] == []


def _verb(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A click command: its parameters are the options, which people name one by one."""
    return any("click.command" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_no_function_takes_more_than_8_parameters() -> None:
    def count(arguments: ast.arguments) -> int:
        return len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)

    found = [place for place, each in functions() if count(each.args) > MAX_PARAMETERS + 1 and not _verb(each)]
    assert found == []  # one more than 8 for self
