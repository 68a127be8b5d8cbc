"""What authors of connectors test theirs with; needs pytest and pytest-asyncio.

See docs/connectors.md for a connector of sixty lines and its binding to the suite.
"""

from aura_stream.testing.binding import ConnectorBinding
from aura_stream.testing.connector_conformance import ConnectorConformance
from aura_stream.testing.sink_conformance import SinkConformance
from aura_stream.testing.source_conformance import SourceConformance

__all__ = ["ConnectorBinding", "ConnectorConformance", "SinkConformance", "SourceConformance"]
