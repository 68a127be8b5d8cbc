"""The engine. Start at worker.py."""

from aura_stream.runtime.burying import Burial, Screen
from aura_stream.runtime.checkpoint import Checkpoint
from aura_stream.runtime.codec import FollowingCodec
from aura_stream.runtime.discovery import Discovery, DiscoveryLimits
from aura_stream.runtime.lifecycle import run_until_stopped
from aura_stream.runtime.pulse import Heartbeat
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.transform import Refusals, Transform
from aura_stream.runtime.ways import Ends
from aura_stream.runtime.worker import Worker, WorkerOptions

__all__ = [
    "Burial",
    "Checkpoint",
    "Discovery",
    "DiscoveryLimits",
    "Ends",
    "FollowingCodec",
    "Heartbeat",
    "Refusals",
    "Screen",
    "Statistics",
    "Transform",
    "Worker",
    "WorkerOptions",
    "run_until_stopped",
]
