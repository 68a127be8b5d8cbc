"""Mining: from observed messages to the templates and the dictionary that save most. Pure, no clock, no I/O."""

from aura_stream.mining.miner import Miner

__all__ = ["Miner"]
