"""The composition root: builds everything from a configuration."""

from aura_stream.app.bridge import run_bridge
from aura_stream.app.check import check_bridge
from aura_stream.app.connectors import InstalledConnectors, option_models
from aura_stream.app.discovery import run_discovery

__all__ = ["InstalledConnectors", "check_bridge", "option_models", "run_bridge", "run_discovery"]
