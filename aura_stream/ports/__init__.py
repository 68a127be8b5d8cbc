"""The engine's sides: what a source, a sink and a connector must do. Contracts are in the docstrings."""

from aura_stream.ports.connector import Connector, Context
from aura_stream.ports.sink import Sink
from aura_stream.ports.source import Source

__all__ = ["Connector", "Context", "Sink", "Source"]
