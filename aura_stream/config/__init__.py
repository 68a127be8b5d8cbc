"""The configuration: models, and a loader that can name file, line and column of every mistake."""

from aura_stream.config.dead_letter import DeadLetterOptions
from aura_stream.config.discovery import DiscoveryOptions
from aura_stream.config.loader import load_config, parse_config
from aura_stream.config.models import (
    BatchOptions,
    CodecOptions,
    Config,
    ConnectorModels,
    LoggingOptions,
    Named,
    OptionModels,
    Side,
    config_model,
)
from aura_stream.config.quantities import Duration, Size
from aura_stream.config.schema import full_model, json_schema
from aura_stream.config.store import StoreOptions

__all__ = [
    "BatchOptions",
    "CodecOptions",
    "Config",
    "ConnectorModels",
    "DeadLetterOptions",
    "DiscoveryOptions",
    "Duration",
    "LoggingOptions",
    "Named",
    "OptionModels",
    "Side",
    "Size",
    "StoreOptions",
    "config_model",
    "full_model",
    "json_schema",
    "load_config",
    "parse_config",
]
