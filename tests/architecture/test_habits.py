"""What the code never does."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import PACKAGES, ROOT, modules, project_files

# Names of package registries: whoever builds this chooses where packages come from. Spelled in two parts, so that
# this file does not contain them.
REGISTRIES = [
    "".join(parts)
    for parts in (
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("registry.npmjs", ".org"),
        ("proxy.golang", ".org"),
        ("repo.maven", ".apache.org"),
        ("repo1.maven", ".org"),
        ("static.crates", ".io"),
        ("index.crates", ".io"),
        ("docker", ".io/"),
    )
]
INDEX_OPTIONS = re.compile(r"--(?:extra-)?index-url|--find-links")


def test_nothing_prints_outside_the_command_line() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        if not path.startswith("aura_stream/cli/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_no_except_is_bare() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert found == []


def test_a_broad_except_says_why() -> None:
    """`except Exception` and `except BaseException` carry a comment beside or below them, unless they raise again."""
    silent = []
    for path, tree in modules().items():
        lines = (ROOT / path).read_text("utf-8").splitlines()
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler) or node.type is None:
                continue
            broad = ast.unparse(node.type) in {"Exception", "BaseException"}
            raises = isinstance(node.body[-1], ast.Raise)
            if broad and not raises and "#" not in "".join(lines[node.lineno - 1 : node.lineno + 1]):
                silent.append(f"{path}:{node.lineno}")
    assert silent == []


def test_no_file_names_a_package_registry() -> None:
    """Nor an index option: pip and uv are told by their user where packages come from."""
    found = []
    for path in project_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRIES if host in text]
        if path.parent.name == "requirements" and (option := INDEX_OPTIONS.search(text)):
            found.append(f"{path.relative_to(ROOT)}: {option[0]}")
    assert found == []


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + "X)\\b")
    found = [
        str(path) for package in PACKAGES for path in package.rglob("*.py") if marks.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_the_root_listing_fits_one_screen() -> None:
    assert len({path.relative_to(ROOT).parts[0] for path in project_files()}) <= 25
