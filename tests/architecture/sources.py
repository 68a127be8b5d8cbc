"""Where the project's files are, for the tests that read them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from aura_stream.codec import Codebook

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "aura_stream", ROOT / "connectors" / "aura_connectors")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of both packages, parsed, by its path from the root."""
    paths = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in paths}


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function and method of both packages, with its place."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.lineno} {node.name}", node


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that belongs to the project: what git tracks, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


def check_offline(config: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Let `aura-stream check --offline` judge a configuration, in a folder where its book stands."""
    Codebook().save(folder / "orders.book")
    (folder / "config.yaml").write_text(config, "utf-8")
    command = [str(Path(sys.executable).with_name("aura-stream")), "check", "--offline", "config.yaml"]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
