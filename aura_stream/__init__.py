"""Makes each small message several times smaller, on its own, byte for byte the same when read back."""

from aura_stream.codec import Codebook, HybridCodec
from aura_stream.errors import (
    AuraError,
    CodebookError,
    ConfigError,
    CorruptFrameError,
    DecodeError,
    LimitExceededError,
    UnknownDictionaryError,
    UnknownTemplateError,
)
from aura_stream.mining import Miner

__all__ = [
    "AuraError",
    "Codebook",
    "CodebookError",
    "ConfigError",
    "CorruptFrameError",
    "DecodeError",
    "HybridCodec",
    "LimitExceededError",
    "Miner",
    "UnknownDictionaryError",
    "UnknownTemplateError",
]
