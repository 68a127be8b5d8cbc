"""The engine. Start at worker.py."""

from aura_stream.runtime.checkpoint import Checkpoint
from aura_stream.runtime.codec import FollowingCodec
from aura_stream.runtime.discovery import Discovery, DiscoveryLimits
from aura_stream.runtime.lifecycle import run_until_stopped
from aura_stream.runtime.pulse import Heartbeat
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.transform import Transform
from aura_stream.runtime.worker import Worker, WorkerOptions

__all__ = [
    "Checkpoint",
    "Discovery",
    "DiscoveryLimits",
    "FollowingCodec",
    "Heartbeat",
    "Statistics",
    "Transform",
    "Worker",
    "WorkerOptions",
    "run_until_stopped",
]
