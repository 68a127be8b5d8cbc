"""The configuration: models, and a loader that can name file, line and column of every mistake."""

from aura_stream.config.loader import load_config, parse_config
from aura_stream.config.models import (
    BatchOptions,
    CodecOptions,
    Config,
    ConnectorModels,
    LoggingOptions,
    Side,
    StoreOptions,
    config_model,
)
from aura_stream.config.quantities import Duration, Size
from aura_stream.config.schema import json_schema

__all__ = [
    "BatchOptions",
    "CodecOptions",
    "Config",
    "ConnectorModels",
    "Duration",
    "LoggingOptions",
    "Side",
    "Size",
    "StoreOptions",
    "config_model",
    "json_schema",
    "load_config",
    "parse_config",
]
