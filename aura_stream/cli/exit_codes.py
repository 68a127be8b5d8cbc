"""What the exit code of `aura-stream` tells a script or an init system; a contract, see docs/configuration.md."""

from __future__ import annotations

OK = 0
"""Done, or drained after SIGTERM with nothing left over."""

DAMAGED = 1
"""A message that cannot be decoded or written, or a damaged codebook: a person must look."""

USAGE = 2
"""The command line itself is wrong, or names a file that cannot be opened."""

UNAVAILABLE = 75
"""No answer from a server within `startup_timeout`, or a drain cut short; starting again may help (EX_TEMPFAIL)."""

CONFIG = 78
"""Whatever editing the configuration mends: unknown key, missing topic, missing book, key not built yet (EX_CONFIG)."""
