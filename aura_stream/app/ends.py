"""Both ends of a bridge from its configuration, and what becomes of messages that cannot go over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aura_stream.config import Config
from aura_stream.errors import ConfigError
from aura_stream.ports import Connector, Context, ExactlyOnce, KeepsDeadLetters
from aura_stream.runtime import Burial, Ends, Refusals, Screen


def build_ends(config: Config, connectors: Mapping[str, Connector], *, once: bool = False, probe: bool = False) -> Ends:
    """Build source and sinks. Raises ConfigError for options that do not fit the direction, or each other."""
    context = Context(config.namespace, once, config.codec.direction, probe)
    into, out_of = connectors[config.output.connector], connectors[config.input.connector]
    dead = _dead_letter_options(config, connectors)
    if config.delivery == "exactly_once":
        both = _exactly_once(config, out_of)
        return Ends(*both.exactly_once(config.input.options, config.output.options, dead, context))
    source = out_of.source(config.input.options, context)
    sink = into.sink(config.output.options, context)
    return Ends(source, sink, None if dead is None else into.sink(dead, dead_letter_context(context)))


def dead_letter_context(context: Context) -> Context:
    """Return the context of the ends that carry dead letters: messages with what they came with, not frames."""
    return Context(context.namespace, context.once, "encode", context.probe)


def refusals_of(config: Config, connectors: Mapping[str, Connector], book: Callable[[], str]) -> Refusals:
    """Return what becomes of messages that cannot be transformed. `book` tells the digest of the codebook in use."""
    largest = config.limits.message
    if config.dead_letter is None:
        return Refusals(screen=Screen(largest))
    keeper = keeper_of(config, connectors)
    return Refusals(Burial(keeper.marked, config.codec.direction, book), Screen(largest, config.dead_letter.attempts))


def keeper_of(config: Config, connectors: Mapping[str, Connector]) -> KeepsDeadLetters:
    """Return the output's connector, which keeps the dead letters. Raises ConfigError if it cannot, or not there."""
    name = config.output.connector
    keeper = connectors[name]
    if not isinstance(keeper, KeepsDeadLetters):
        raise ConfigError(f"dead_letter: {name} keeps no dead letters")
    assert config.dead_letter is not None, "asked for only where it is configured"
    kind, _ = config.dead_letter.place
    if kind != keeper.dead_letter_key:
        raise ConfigError(f"dead_letter.{kind}: the output is {name}: name a {keeper.dead_letter_key} there instead")
    return keeper


def _dead_letter_options(config: Config, connectors: Mapping[str, Connector]) -> Any | None:
    if config.dead_letter is None:
        return None
    return keeper_of(config, connectors).burying(config.output.options, config.dead_letter.place[1])


def _exactly_once(config: Config, connector: Connector) -> ExactlyOnce:
    source, sink = config.input.connector, config.output.connector
    if source != sink:
        raise ConfigError(
            f"delivery: exactly_once: no step can publish in {sink} and settle in {source} at once, so a crash between "
            "the two repeats messages; set delivery: at_least_once, or bridge within one system"
        )
    if not isinstance(connector, ExactlyOnce):
        raise ConfigError(f"delivery: exactly_once: {source} cannot publish and settle in one step")
    return connector
