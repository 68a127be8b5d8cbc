"""The configuration: models, and a loader that can name file, line and column of every mistake."""

from aura_stream.config.quantities import Duration, Size

__all__ = ["Duration", "Size"]
