"""The command line. Each verb stands in a module of its own, imported when it is asked for."""

from aura_stream.cli.group import main

__all__ = ["main"]
