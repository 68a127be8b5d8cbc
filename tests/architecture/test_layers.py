"""The layers of ARCHITECTURE.md hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT, modules


def test_import_contracts_are_kept(tmp_path: Path) -> None:
    """Each layer imports only from those below it; codec and mining are pure; connectors know the ports only."""
    tool = Path(sys.executable).with_name("lint-imports")
    command = [str(tool), "--no-logo", "--cache-dir", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_folder_of_the_package_has_its_place_in_the_layers() -> None:
    """A new package is placed in pyproject's layers, or in the few that stand beside them."""
    layers = {"cli", "app", "observe", "runtime", "store", "ports", "mining", "codec", "model"}
    beside = {"config", "testing"}  # config imports model and errors only; testing is for authors of connectors
    found = {path.split("/")[1] for path in modules() if path.startswith("aura_stream/") and path.count("/") > 1}
    assert found <= layers | beside
