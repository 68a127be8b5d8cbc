"""What the documents say is there, and what they show runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, check_offline, project_files

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONFIG = re.compile(r"^```yaml\n(.*?^namespace:.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
DOCUMENTS = [path for path in project_files() if path.suffix == ".md"]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SHOWN = ["README.md", "docs/getting-started.md"]  # whose configurations are whole ones


@pytest.mark.untraced
def test_the_ten_lines_of_the_readme_run(tmp_path: Path) -> None:
    """The first Python block, as it stands, in an empty folder; it proves its own round trip."""
    lines = BLOCK.findall((ROOT / "README.md").read_text("utf-8"))[0]
    assert len(lines.splitlines()) <= 12
    command = [sys.executable, "-W", "error", "-c", lines]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert "times smaller" in result.stdout


@pytest.mark.parametrize("path", SHOWN)
def test_a_configuration_that_is_shown_is_valid(path: str, tmp_path: Path) -> None:
    shown = CONFIG.findall((ROOT / path).read_text("utf-8"))
    assert shown
    for text in shown:
        result = check_offline(text, tmp_path)
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_valid_configuration(path: Path, tmp_path: Path) -> None:
    for name in ("monday.log", "tuesday.log"):
        (tmp_path / name).touch()
    result = check_offline(path.read_text("utf-8"), tmp_path, KAFKA_PASSWORD="secret")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_there(path: Path) -> None:
    targets = [link for link in LINK.findall(path.read_text("utf-8")) if "://" not in link]
    assert [link for link in targets if not (path.parent / link).exists()] == []


def test_the_map_names_every_package() -> None:
    """ARCHITECTURE.md gives a reason for each folder that holds code."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    folders = {path.parent.relative_to(ROOT) for path in project_files() if path.suffix == ".py"}
    packages = {folder for folder in folders if folder.parts[0] == "aura_stream" and len(folder.parts) == 2}
    assert [str(folder) for folder in sorted(packages) if f"`{folder}`" not in text] == []
