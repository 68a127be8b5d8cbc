"""Both ends of a bridge from its configuration, and what becomes of messages that cannot go over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aura_stream.app.places import Places
from aura_stream.config import Config
from aura_stream.errors import ConfigError
from aura_stream.ports import Connector, Context, ExactlyOnce, KeepsDeadLetters, Source
from aura_stream.runtime import Burial, Ends, Refusals, Screen


def build_ends(config: Config, connectors: Mapping[str, Connector], *, once: bool = False, probe: bool = False) -> Ends:
    """Build source and sinks. Raises ConfigError for options that do not fit the direction, or each other."""
    context = Context(config.namespace, once, config.codec.direction, probe)
    out_of = connectors[config.input.connector]
    if config.delivery == "exactly_once":
        both, dead = _exactly_once(config, out_of), dead_letter_options(config, connectors)
        source, step = both.exactly_once(config.input.options, config.output.options, dead, context)
        return Ends(source, step, require=_requirement(config, connectors))
    return ends_from(out_of.source(config.input.options, context), config, connectors, context)


def ends_from(source: Source, config: Config, connectors: Mapping[str, Connector], context: Context) -> Ends:
    """Build the sinks of a configuration for messages from this source: at least once."""
    into, dead = connectors[config.output.connector], dead_letter_options(config, connectors)
    sink = into.sink(config.output.options, context)
    letters = None if dead is None else into.sink(dead, dead_letter_context(context))
    return Ends(source, sink, letters, _requirement(config, connectors))


def dead_letter_context(context: Context) -> Context:
    """Return the context of the ends that carry dead letters: messages with what they came with, not frames."""
    return Context(context.namespace, context.once, "encode", context.probe)


def refusals_of(config: Config, connectors: Mapping[str, Connector], book: Callable[[], str]) -> Refusals:
    """Return what becomes of messages that cannot be transformed. `book` tells the digest of the codebook in use."""
    largest = config.limits.message
    if config.dead_letter is None:
        return Refusals(screen=Screen(largest))
    burial = Burial(keeper_of(config, connectors).marked, config.codec.direction, book)
    return Refusals(burial, Screen(largest, config.dead_letter.attempts))


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


def places_of(config: Config, connectors: Mapping[str, Connector]) -> Places | None:
    """Return where frames or messages go and where dead letters, None if there is no place for these."""
    if config.dead_letter is None:
        return None
    key = keeper_of(config, connectors).dead_letter_key
    output = getattr(config.output.options, key, None)
    return Places(f"dead_letter.{key}", config.dead_letter.place[1], output if isinstance(output, str) else None)


def dead_letter_options(config: Config, connectors: Mapping[str, Connector]) -> Any | None:
    """Return the options of a sink of dead letters, None if there is no place for them. Raises ConfigError."""
    places = places_of(config, connectors)
    if places is None:
        return None
    places.require_apart()
    return keeper_of(config, connectors).burying(config.output.options, places.dead)


def _requirement(config: Config, connectors: Mapping[str, Connector]) -> Callable[..., None]:
    places = places_of(config, connectors)
    if places is None:
        return lambda _inputs: None
    return lambda inputs: places.require_apart([topic.name for topic in inputs])


def _exactly_once(config: Config, connector: Connector) -> ExactlyOnce:
    source, sink = config.input.connector, config.output.connector
    if source != sink:
        raise ConfigError(
            f"delivery: exactly_once: no step can publish in {sink} and settle in {source} at once, so a crash between "
            "the two repeats messages; set delivery: at_least_once, or bridge within one system"
        )
    if not isinstance(connector, ExactlyOnce):
        raise ConfigError(
            f"delivery: exactly_once: {source} cannot publish and settle in one step, so a crash between the two "
            "repeats messages; set delivery: at_least_once"
        )
    return connector
