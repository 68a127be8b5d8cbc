"""Faults inside of a worker: functions for `run.start(patch="tests.faults.patches:…")`."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from tests.faults.depth import FULL

STALL_AFTER = 2.0  # seconds
WATCHDOG = 6.5 if FULL else 1.0  # seconds; after three times as long it ends the process


def stand_still() -> None:
    """Block the event loop, once, some time after it began, for longer than the watchdog bears."""
    _stand_still(5 * WATCHDOG)


def stand_still_briefly() -> None:
    """Do the same for so long that it tells of it, and no longer."""
    _stand_still(2 * WATCHDOG)


def _stand_still(seconds: float) -> None:
    run = asyncio.run

    def stalling(main: Any, **more: Any) -> Any:
        async def wrapped() -> Any:
            loop = asyncio.get_running_loop()
            loop.call_later(STALL_AFTER, time.sleep, seconds)
            return await main

        return run(wrapped(), **more)

    assert threading.current_thread() is threading.main_thread()
    asyncio.run = stalling


def an_hour_ahead() -> None:
    """Set the clock of the process wrong; the monotonic one goes on."""
    _shift(3600.0)


def an_hour_behind() -> None:
    """Do the same in the other direction."""
    _shift(-3600.0)


def _shift(seconds: float) -> None:
    right = time.time
    time.time = lambda: right() + seconds
