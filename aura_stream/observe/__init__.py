"""What a person sees of a running worker."""

from aura_stream.observe.logs import configure_logging
from aura_stream.observe.progress import Reporter

__all__ = ["Reporter", "configure_logging"]
