"""Workers that stop themselves (SIGSTOP) at a point of their way, at which a takeover does the most harm.

`run.start(patch="tests.faults.zombies:before_publish_3")` stops when it passes this point for the third time. The points
are those of killable.py; they stop the process instead of killing it, and it goes on from there with SIGCONT.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

from tests.faults import killable

_NAME = re.compile(r"([a-z_]+)_(\d+)")


def __getattr__(name: str) -> Callable[[], None]:
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in killable.POINTS_OF_TRANSACTIONS:
        raise AttributeError(name)
    return lambda: _stop_at(found[1], int(found[2]))


def _stop_at(point: str, passes: int) -> None:
    killable.die = _stand_still  # of this copy of the module: the one that runs as __main__ is another
    killable.arm(killable.Killing(point, passes))


def _stand_still() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
