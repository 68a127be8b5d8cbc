"""A fleet: several worker processes of one bridge under a supervisor, for one Python process is one core.

They share a consumer group, so partitions and streams are divided among them. A worker that dies is started anew; an
error that only a person can mend ends all of them. Each notices the end of its supervisor by its standard input.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from aura_stream.runtime.lifecycle import STOP_SIGNALS
from aura_stream.runtime.retry import Pauses

OK, DAMAGED, USAGE, UNAVAILABLE, CONFIG = (
    0,
    1,
    2,
    75,
    78,
)  # exit codes of a worker; cli/exit_codes.py says what they mean
FOR_A_PERSON: Final = (CONFIG, USAGE, DAMAGED)  # starting again leads to the same place; the first of these that came
STEADY: Final = 60.0  # seconds after which an end is a new misfortune, and not the last one again
GRACE: Final = 30.0  # seconds beyond the drain's deadline: a worker that is cut short closes its connections
BEAT: Final = 1.0
STALE: Final = 15.0  # seconds without a heartbeat of one worker, after which the fleet shows none

log = logging.getLogger(__name__)


class Fleet:
    """`command` returns the words that start worker `number`, `heartbeat` the file that it touches, if it does."""

    def __init__(
        self,
        workers: int,
        command: Callable[[int], Sequence[str]],
        drain_timeout: float,
        heartbeat: Path | None = None,
    ) -> None:
        self._workers = workers
        self._command = command
        self._drain_timeout = drain_timeout
        self._heartbeat = heartbeat
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Keep the workers running until a signal, or until all are through; return the exit code for all."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        beating = asyncio.create_task(self._beat())
        try:
            codes = await asyncio.gather(*map(self._keep, range(self._workers)))
        finally:
            beating.cancel()
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
            self._send(signal.SIGKILL)  # of what is left if we are cancelled
        return self._summed_up(codes)

    def _stop(self) -> None:
        """Drain all workers; a second time: force them, as each does for itself."""
        if not self._stopping.is_set():
            log.info("draining %d workers", len(self._processes))
            asyncio.get_running_loop().call_later(self._drain_timeout + GRACE, self._send, signal.SIGKILL)
        self._stopping.set()
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, number: int) -> int:
        """Keep one worker running; return its last exit code."""
        pauses = Pauses()
        while True:
            began = time.monotonic()
            code = await self._run(number)
            if self._stopping.is_set() and code == -signal.SIGTERM:
                return os.EX_OK  # told before it listened for signals: it held nothing
            if self._stopping.is_set() or code == os.EX_OK:
                return code
            if code in FOR_A_PERSON:
                log.error("worker %d ended with exit code %d, which a person must look at: stopping all", number, code)
                self._stop()
                return code
            if time.monotonic() - began >= STEADY:
                pauses = Pauses()
            pause = pauses.next()
            log.warning("worker %d ended with %s; starting it anew in %.1f s", number, _described(code), pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return os.EX_TEMPFAIL  # it left something behind, and nobody took that up

    async def _run(self, number: int) -> int:
        """Run one worker to its end. In a session of its own: Ctrl-C reaches the supervisor alone."""
        process = await asyncio.create_subprocess_exec(
            *self._command(number), stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        self._processes[number] = process
        if self._stopping.is_set():
            process.send_signal(signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            if process.returncode is not None:
                del self._processes[number]

    async def _beat(self) -> None:
        """Touch the fleet's file while every worker touches its own."""
        while self._heartbeat is not None:
            if all(_age(worker_heartbeat(self._heartbeat, each)) < STALE for each in range(self._workers)):
                with suppress(OSError):
                    self._heartbeat.touch()
            await asyncio.sleep(BEAT)

    def _summed_up(self, codes: Sequence[int]) -> int:
        for code in FOR_A_PERSON:
            if code in codes:
                return code
        cut_short = [str(number) for number, code in enumerate(codes) if code != os.EX_OK]
        if cut_short:
            log.error("not drained: worker %s; what they held will come again", ", ".join(cut_short))
        return os.EX_TEMPFAIL if cut_short else os.EX_OK


def worker_heartbeat(heartbeat: Path, number: int) -> Path:
    """Return the file that worker `number` touches."""
    return heartbeat.with_name(f"{heartbeat.name}.{number}")


def stop_with_supervisor() -> None:
    """Drain this worker when its standard input ends: its supervisor is gone, however that came."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="aura-supervisor", daemon=True).start()


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
