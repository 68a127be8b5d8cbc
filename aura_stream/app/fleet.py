"""A fleet: several worker processes of one bridge under a supervisor, for one Python process is one core.

They share a consumer group, so partitions and streams are divided among them. A worker that dies is started anew; an
error that only a person can mend ends all of them. Each notices the end of its supervisor by its standard input.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from aura_stream.config import Config
from aura_stream.errors import ConfigError
from aura_stream.ports import Connector, Shared
from aura_stream.runtime.lifecycle import DRAIN, FORCE, STOP_SIGNALS
from aura_stream.runtime.retry import Pauses

FOR_A_PERSON: Final = (os.EX_CONFIG, 2, 1)  # exit codes of `aura-stream run` that starting again leads to once more
HELD_NOTHING: Final = (os.EX_OK, -DRAIN, -signal.SIGTERM)  # drained, or told to stop before it could hear that
STEADY: Final = 60.0  # seconds after which an end is a new misfortune, and not the last one again
GRACE: Final = 30.0  # seconds beyond the drain's deadline: a worker that is cut short closes its connections
BEAT: Final = 1.0
STALE: Final = 15.0  # seconds without a heartbeat of one worker, after which the fleet shows none

log = logging.getLogger(__name__)


class Fleet:
    """`command` returns the words that start worker `number`, `heartbeat` is the fleet's own file.

    `once`: workers end by themselves when the input is through.
    """

    def __init__(
        self,
        workers: int,
        command: Callable[[int], Sequence[str]],
        drain_timeout: float,
        heartbeat: Path | None = None,
        *,
        once: bool = False,
    ) -> None:
        self._kept = set(range(workers))  # those that are to run
        self._command = command
        self._drain_timeout = drain_timeout
        self._heartbeat = heartbeat
        self._once = once
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Keep the workers running until a signal, or until all are through; return the exit code for all."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        beating = asyncio.create_task(self._beat())
        try:
            codes = await asyncio.gather(*map(self._keep, sorted(self._kept)))
        finally:
            beating.cancel()
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
            self._send(signal.SIGKILL)  # to what is left if we are cancelled
        return self._summed_up(codes)

    def _on_signal(self) -> None:
        """Drain all workers; a second time: cut them short."""
        if self._stopping.is_set():
            self._send(FORCE)
        else:
            self._drain()

    def _drain(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        log.info("draining %d workers", len(self._processes))
        self._send(DRAIN)
        asyncio.get_running_loop().call_later(self._drain_timeout + GRACE, self._send, signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            _tell(process, number)

    async def _keep(self, number: int) -> int:
        """Keep one worker running; return its last exit code."""
        try:
            pauses = Pauses()
            while True:
                began = time.monotonic()
                code, how = await self._run(number)
                if self._is_last(number, code):
                    return os.EX_OK if code in HELD_NOTHING else code
                if time.monotonic() - began >= STEADY:
                    pauses = Pauses()
                pause = pauses.next()
                log.warning("worker %d %s; starting it anew in %.1f s", number, how, pause)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
                    # What it held comes again, and nobody may be left to take that up.
                    return os.EX_OK if code in HELD_NOTHING else os.EX_TEMPFAIL
        finally:
            self._kept.discard(number)

    def _is_last(self, number: int, code: int) -> bool:
        """Tell whether a worker that ended is not to be started again."""
        if code in FOR_A_PERSON and not self._stopping.is_set():
            log.error("worker %d ended with exit code %d, which a person must look at: stopping all", number, code)
            self._drain()
        return self._stopping.is_set() or (self._once and code == os.EX_OK)

    async def _run(self, number: int) -> tuple[int, str]:
        """Run one worker to its end; return its exit code, and what became of it in words.

        In a session of its own: Ctrl-C reaches the supervisor alone.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(number), stdin=asyncio.subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            return os.EX_OSERR, f"cannot be started: {error.strerror}"
        self._processes[number] = process
        try:
            if self._stopping.is_set():
                _tell(process, DRAIN)
            code = await process.wait()
            return code, f"ended with {_described(code)}"
        finally:
            if process.returncode is not None:
                del self._processes[number]

    async def _beat(self) -> None:
        """Touch the fleet's file while every worker that is to run touches its own."""
        while self._heartbeat is not None:
            if all(_age(worker_heartbeat(self._heartbeat, each)) < STALE for each in self._kept):
                with suppress(OSError):
                    self._heartbeat.touch()
            await asyncio.sleep(BEAT)

    def _summed_up(self, codes: Sequence[int]) -> int:
        for code in FOR_A_PERSON:
            if code in codes:
                return code
        left = [str(number) for number, code in enumerate(codes) if code != os.EX_OK]
        if left:
            which = ", ".join(left)
            log.error(
                "%d of %d workers not drained: worker %s; what they held comes again", len(left), len(codes), which
            )
        return os.EX_TEMPFAIL if left else os.EX_OK


def require_shared(config: Config, connectors: Mapping[str, Connector]) -> None:
    """Raise ConfigError if several workers would each do all of the work, or get in each other's way."""
    for side, name in (("input", config.input.connector), ("output", config.output.connector)):
        if not isinstance(connectors[name], Shared):
            raise ConfigError(f"{side}.{name}: several workers cannot share it; leave out --workers")


def worker_heartbeat(heartbeat: Path, number: int) -> Path:
    """Return the file that worker `number` touches."""
    return heartbeat.with_name(f"{heartbeat.name}.{number}")


def _tell(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal. Its own `send_signal` first looks whether it has ended, which takes the exit code from asyncio."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _described(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
