"""The codec: pure, synchronous, and the whole of the wire format. Start at hybrid.py."""

from aura_stream.codec.codebook import Codebook
from aura_stream.codec.explain import Part, pattern_of
from aura_stream.codec.frames import FrameInfo, count_methods
from aura_stream.codec.generation import Generation, Proposal
from aura_stream.codec.hybrid import HybridCodec
from aura_stream.codec.template import Template

__all__ = [
    "Codebook",
    "FrameInfo",
    "Generation",
    "HybridCodec",
    "Part",
    "Proposal",
    "Template",
    "count_methods",
    "pattern_of",
]
