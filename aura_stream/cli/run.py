"""`aura-stream run`: the bridge."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence

import click

from aura_stream.app import InstalledConnectors, run_bridge
from aura_stream.app.fleet import Fleet, require_shared, worker_heartbeat
from aura_stream.app.supervised import end_with_supervisor
from aura_stream.cli.configured import config_argument, load, set_option
from aura_stream.config import Config
from aura_stream.errors import AuraError
from aura_stream.observe import configure_logging
from aura_stream.runtime import Statistics
from aura_stream.runtime.watchdog import watched

log = logging.getLogger(__name__)


@click.command()
@config_argument
@click.option("--once", is_flag=True, help="Work through what the input holds now, then exit.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes to run; they share the input, and one that dies is started anew.",
)
@click.option("--worker", type=int, hidden=True, help="Which of several this is.")
@set_option
def command(config: str, once: bool, workers: int, worker: int | None, flags: Sequence[tuple[str, str]]) -> None:
    """Run the bridge that CONFIG describes, until SIGTERM or Ctrl-C; then finish what is in flight and exit 0.

    A second signal cuts that short. Messages that were not settled come again at the next start. With --workers the
    exit code is 0 only if all of them were drained.

    \b
    Examples:
      aura-stream run orders.yaml
      aura-stream run --workers 4 orders.yaml
      aura-stream run --once --set codec.direction=decode restore.yaml
      AURA_LOGGING__FORMAT=json aura-stream run orders.yaml

    \b
    Exit codes:
      0   told to stop, or through with --once, and nothing left over
      1   a message cannot be decoded or written, or the codebook is damaged
      75  a server did not answer within startup_timeout, or not all was settled
      78  the configuration must be edited
    """
    connectors = InstalledConnectors()
    loaded = load(config, flags, connectors)
    configure_logging(loaded.logging.format, loaded.logging.level, worker)
    if workers > 1:
        require_shared(loaded, connectors)
        sys.exit(asyncio.run(_supervise(_fleet(loaded, config, workers, once, flags), loaded.watchdog)))
    if worker is None:
        asyncio.run(run_bridge(loaded, connectors, once))
    else:
        _work(loaded, connectors, once)


async def _supervise(fleet: Fleet, stalled_after: float | None) -> int:
    with watched(stalled_after, Statistics()):  # one that stands still, at its log perhaps, would start nobody anew
        return await fleet.run()


def _work(config: Config, connectors: InstalledConnectors, once: bool) -> None:
    """Run one worker of a fleet."""
    end_with_supervisor(config.drain_timeout)
    try:
        asyncio.run(run_bridge(config, connectors, once, supervised=True))
    except (AuraError, OSError):
        raise
    except Exception:  # nobody foresaw it; the supervisor must not take it for exit code 1, which Python would end with
        log.exception("this should not happen")
        sys.exit(os.EX_SOFTWARE)


def _fleet(loaded: Config, config: str, workers: int, once: bool, flags: Sequence[tuple[str, str]]) -> Fleet:
    words = [word for key, value in flags for word in ("--set", f"{key}={value}")]
    words += ["--once"] if once else []

    def start(number: int) -> Sequence[str]:
        heart = loaded.heartbeat
        own = ["--set", f"heartbeat={worker_heartbeat(heart, number)}"] if heart is not None else []
        return [sys.executable, "-m", "aura_stream.cli", "run", *words, *own, "--worker", str(number), config]

    return Fleet(workers, start, loaded.drain_timeout, loaded.heartbeat, once=once)
