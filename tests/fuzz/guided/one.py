"""One target under atheris, which measures what each input reaches: `python -m tests.fuzz.guided.one TARGET [libFuzzer options]`."""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["aura_stream", "aura_connectors"]):
    from tests.fuzz.guided.targets import TARGETS


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    logging.disable(logging.CRITICAL)  # damage is told of at each input
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
