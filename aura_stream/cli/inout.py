"""Opening what the verbs read and write; `-` is stdin or stdout."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import BinaryIO, cast

from aura_stream.cli.framing import Readable
from aura_stream.errors import AuraError


def reading(path: str) -> AbstractContextManager[Readable]:
    """Open a file, or take stdin for `-`. Raises OSError."""
    if path == "-":
        return nullcontext(cast(Readable, sys.stdin.buffer))
    return cast(AbstractContextManager[Readable], open(path, "rb"))


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """Open a file that appears whole or not at all, or take stdout for `-`. Raises OSError.

    Bytes go to PATH.partial, which takes the place of PATH at the end. After an error the partial file stays,
    for it holds everything before the message in question, and the error names it. A pipe or a device is
    written to directly: it cannot be put in place of anything.
    """
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = os.path.realpath(path)
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        with open(target, "wb") as device:
            yield device
        return
    partial = f"{target}.partial"
    with open(partial, "wb") as file:
        try:
            yield file
        except AuraError as error:
            error.args = (f"{error} (everything before it is in {path}.partial)", *error.args[1:])
            raise
        file.flush()
        os.fsync(file.fileno())
    if os.path.exists(target):
        shutil.copymode(target, partial)
    os.replace(partial, target)
