"""`aura-stream`, with ears and, where asked for, faults inside: `python -m tests.faults.killable run CONFIG`.

It keeps what asyncio complains of. Faults are told by the environment; nothing of this stands in the product:

    FAULT_KILL    POINT:N    the process kills itself (SIGKILL) when it passes this point for the N-th time
    FAULT_PATCH   MODULE:NAME[,MODULE:NAME…]    functions that are called before anything else: they patch the product

The points are named in POINTS and, for transactions of Kafka, POINTS_OF_TRANSACTIONS. What is killed `amid` something
ends a few milliseconds (up to AMID) after the call has begun.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import os
import random
import signal
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from aura_stream.app import bridge
from aura_stream.cli import main
from aura_stream.runtime import Ends, Transform

POINTS = ("after_fetch", "after_encode", "before_publish", "amid_publish", "after_publish", "after_settle")
POINTS_OF_ONE_STEP = ("after_fetch", "after_encode", "before_publish", "amid_publish", "after_settle")
POINTS_OF_TRANSACTIONS = (*POINTS, "before_commit", "amid_commit")
AMID = 0.02  # seconds; a publish of a portion takes a few milliseconds
KILL, PATCH = "FAULT_KILL", "FAULT_PATCH"

Call = Callable[..., Awaitable[Any]]


class Killing:
    """Counts how often a point is passed, and kills."""

    def __init__(self, point: str, passes: int) -> None:
        if point not in POINTS_OF_TRANSACTIONS:
            raise ValueError(f"no point is named {point}")
        self.point = point
        self._left = passes

    def passed(self, point: str) -> bool:
        """Note that a point is passed; tell whether it is time."""
        self._left -= point == self.point
        return point == self.point and self._left == 0

    def around(self, call: Call, before: str = "", amid: str = "", after: str = "") -> Call:
        """Wrap a call that does something; one that returns [] (a fetch that found nothing) passes no point."""

        @functools.wraps(call)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self.passed(before):
                die()
            if self.passed(amid):
                asyncio.get_running_loop().call_later(random.uniform(0, AMID), die)
            result = await call(*args, **kwargs)
            if result != [] and self.passed(after):
                die()
            return result

        return wrapped


def die() -> None:
    """End at once, as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(killing: Killing) -> None:
    """Put the points around the ends and the transform of every bridge that is built."""
    build_ends, transform = bridge.build_ends, Transform.__call__

    def killable_ends(*args: Any, **kwargs: Any) -> Ends:
        ends = build_ends(*args, **kwargs)
        source: Any = ends.source
        sink: Any = ends.sink
        source.fetch = killing.around(source.fetch, after="after_fetch")
        if hasattr(sink, "publish_and_settle"):
            step = killing.around(sink.publish_and_settle, "before_publish", "amid_publish", "after_settle")
            sink.publish_and_settle = step
            arm_transactions(killing)
        else:
            sink.publish = killing.around(sink.publish, "before_publish", "amid_publish", "after_publish")
            source.settle = killing.around(source.settle, after="after_settle")
        return ends

    bridge.build_ends = killable_ends
    Transform.__call__ = killing.around(transform, after="after_encode")  # type: ignore[method-assign]


def arm_transactions(killing: Killing) -> None:
    """Put the points inside of a transaction: records written, offsets added, about to be committed."""
    producer: Any = AIOKafkaProducer
    producer.send_offsets_to_transaction = killing.around(
        producer.send_offsets_to_transaction, before="after_publish", after="before_commit"
    )
    producer.commit_transaction = killing.around(producer.commit_transaction, amid="amid_commit")


def points_of(route: str, delivery: str) -> Sequence[str]:
    """Return the points that a worker passes, between systems such as "kafka-kafka"."""
    if delivery == "at_least_once":
        return POINTS
    return POINTS_OF_TRANSACTIONS if route == "kafka-kafka" else POINTS_OF_ONE_STEP


def listen() -> None:
    """Keep what asyncio complains of, tasks and futures that nobody looked at; the product silences all of it.

    But for what becomes of aiokafka's own callbacks and futures when a producer is fenced, or thrown away in mid-flight.
    """
    logger = logging.getLogger("asyncio")
    logger.setLevel(logging.ERROR)
    logger.setLevel = lambda _: None  # type: ignore[method-assign, assignment, misc]
    logger.addFilter(lambda record: not _from_aiokafka(record.exc_info))


def _from_aiokafka(error: Any) -> bool:
    frames = traceback.extract_tb(error[2]) if error else []
    return bool(error) and (
        isinstance(error[1], KafkaError) or "aiokafka" in "".join(frame.filename for frame in frames[-1:])
    )


def prepare() -> None:
    """Do what the environment says."""
    listen()
    for place in filter(None, os.environ.get(PATCH, "").split(",")):
        module, _, name = place.partition(":")
        getattr(importlib.import_module(module), name)()
    if order := os.environ.get(KILL):
        point, _, passes = order.partition(":")
        arm(Killing(point, int(passes or 1)))


if __name__ == "__main__":
    prepare()
    main(prog_name="aura-stream")
