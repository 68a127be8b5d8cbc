"""The container files, checked by what needs no engine: linter, schema, and the project's own config loader."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from aura_stream.config import Config
from aura_stream.config.quantities import parse_duration
from tests.architecture.sources import ROOT, check_offline

DOCKER = ROOT / "docker"
CONFIGS = sorted((DOCKER / "config").glob("*.yaml"))


def _tool(name: str) -> str:
    tool = Path(sys.executable).with_name(name)
    if not tool.exists():
        pytest.skip(f"{name} is not installed: it has no wheel for this platform")
    return str(tool)


def _run(*command: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def healthcheck() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthcheck", DOCKER / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_dockerfile_passes_hadolint() -> None:
    _run(_tool("hadolint"), "docker/Dockerfile")


def test_the_compose_file_fits_the_schema() -> None:
    """That of the compose specification, as check-jsonschema carries it."""
    _run(_tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker/compose.yaml")


def test_the_image_is_built_in_stages_and_runs_without_rights() -> None:
    lines = (DOCKER / "Dockerfile").read_text("utf-8").splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    assert len(stages) == 2
    last = lines[stages[-1] :]
    assert "USER 10001:10001" in last
    assert any(line.startswith("HEALTHCHECK ") for line in last)


def test_every_file_the_image_copies_is_there_and_let_in() -> None:
    """The ignore file lets in what COPY names, and nothing of the tests or of other data."""
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    sources = {word for line in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]}
    allowed = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    assert sources == allowed
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_workers_have_a_read_only_root_and_no_capabilities(compose: dict[str, Any]) -> None:
    workers = [service for service in compose["services"].values() if service["image"] == "aura-stream"]
    assert len(workers) >= 2
    for worker in workers:
        assert worker["read_only"] is True
        assert worker["cap_drop"] == ["ALL"]


def test_workers_have_the_time_to_drain_and_to_close(compose: dict[str, Any]) -> None:
    """Closing takes up to 25 s more where a broker hangs; a kill before would hide how much is left over."""
    workers = [service for service in compose["services"].values() if service["image"] == "aura-stream"]
    drain = Config.model_fields["drain_timeout"].default
    assert [parse_duration(worker["stop_grace_period"]) >= drain + 25 for worker in workers] == [True] * len(workers)


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_mounted_files_are_there(compose: dict[str, Any]) -> None:
    mounts = [mount.split(":")[0] for service in compose["services"].values() for mount in service.get("volumes", [])]
    assert [mount for mount in mounts if mount.startswith(".") and not (DOCKER / mount).exists()] == []


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_the_workers_configurations_are_valid(config: Path, tmp_path: Path) -> None:
    """As `check --offline` sees them, under the environment of the image, with a book where they expect it."""
    text = config.read_text("utf-8").replace("/var/lib/aura/", "")
    result = check_offline(text, tmp_path, AURA_HEARTBEAT=str(tmp_path / "heartbeat"))
    assert result.returncode == 0, result.stderr


def test_the_restored_topic_has_room_for_each_partition_of_the_raw_one(compose: dict[str, Any]) -> None:
    """A stream between them does not tell how many there are, and each message goes back to its own."""
    raw = re.search(r"--partitions (\d+)", compose["services"]["producer"]["command"][0])
    restored = yaml.safe_load((DOCKER / "config" / "restore.yaml").read_text("utf-8"))["output"]["kafka"]
    assert raw is not None
    assert restored.get("partitions", 1) >= int(raw[1])


def test_a_fresh_heartbeat_is_healthy_and_an_old_one_is_not(healthcheck: ModuleType, tmp_path: Path) -> None:
    beat = tmp_path / "heartbeat"
    assert "no heartbeat yet" in healthcheck.main(beat, 1000.0)
    beat.touch()
    os.utime(beat, (1000.0, 1000.0))
    assert healthcheck.main(beat, 1000.0 + healthcheck.MAX_AGE) is None
    assert "last heartbeat 31 s ago" in healthcheck.main(beat, 1031.0)
