"""The worker's side of a fleet: it ends with its supervisor, however that ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from aura_stream.app.fleet import GRACE
from aura_stream.runtime.lifecycle import DRAIN


def end_with_supervisor(
    drain_timeout: float, orders: int = 0, end: Callable[[int], object] = os._exit, grace: float = GRACE
) -> threading.Thread:
    """Drain this worker when `orders` ends, the pipe whose other end the supervisor holds; return what waits for that.

    A worker that does not end by that, `grace` seconds after the drain's deadline, is ended: nobody is left who would.
    """

    def watch() -> None:
        while os.read(orders, 1):
            pass
        os.kill(os.getpid(), DRAIN)
        time.sleep(drain_timeout + grace)
        end(os.EX_TEMPFAIL)

    thread = threading.Thread(target=watch, name="aura-supervisor", daemon=True)
    thread.start()
    return thread
