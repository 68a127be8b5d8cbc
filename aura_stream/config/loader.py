"""From a file, the environment and flags to a `Config`, or to an error that says what to edit where.

What was said later wins: file, then `AURA_…` variables, then flags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from aura_stream.config.document import NOT_A_VALUE, Document, Path, parse_yaml
from aura_stream.config.environment import overlay_environment, overlay_flags
from aura_stream.config.fields import field_at, is_mapping, is_structured
from aura_stream.config.later import not_built_yet, without_later
from aura_stream.config.models import Config, ConnectorModels, Named, OptionModels, config_model
from aura_stream.config.problems import explain
from aura_stream.config.secrets import literal_secrets
from aura_stream.config.substitution import substitute
from aura_stream.errors import ConfigError

T = TypeVar("T")


def load_config(
    path: str | FilePath,
    models: OptionModels,
    environ: Mapping[str, str],
    flags: Sequence[tuple[str, str]] = (),
) -> Config:
    """Read a configuration file.

    Of `models`, only those that the file names are looked up. `flags` are pairs of a dotted key and a text.
    Raises ConfigError with one line for each mistake, each with file, line and column (or variable, or flag).
    """
    try:
        text = FilePath(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text, at byte {error.start}") from error
    return parse_config(text, str(path), models, environ, flags)


def parse_config(
    text: str,
    name: str,
    models: OptionModels,
    environ: Mapping[str, str],
    flags: Sequence[tuple[str, str]] = (),
) -> Config:
    """Read a configuration from a text; `name` stands in errors where a file's name would. See `load_config`."""
    document = parse_yaml(text, name)
    problems = literal_secrets(document, _model_for(document, models))
    touched = substitute(document, environ)
    overlay_environment(document, environ, _model_for(document, models))
    overlay_flags(document, flags, _model_for(document, models))
    problems += not_built_yet(document)
    without_later(document)
    model = _model_for(document, models)
    _spell_out(document, model, touched)
    try:
        config = model.model_validate(document.values)
    except ValidationError as error:
        problems += explain(error, document, model, _nameable(models))
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return config


def _model_for(document: Document, models: OptionModels) -> type[Config]:
    """Return the model with those that the document names: the others need not even be importable."""

    def side(name: str, model_of: Callable[[ConnectorModels], type[BaseModel]]) -> dict[str, type[BaseModel]]:
        return {key: model_of(each) for key, each in _named(document, (name,), models.connectors).items()}

    return config_model(
        Named(
            side("input", lambda connector: connector.source),
            side("output", lambda connector: connector.sink),
            _named(document, ("store",), models.shared_logs),
            _named(document, ("store", "journal"), models.journals),
        )
    )


def _named(document: Document, path: Path, models: Mapping[str, T]) -> dict[str, T]:
    mapping = document.get(path)
    return {name: models[name] for name in (mapping if isinstance(mapping, dict) else {}) if name in models}


def _nameable(models: OptionModels) -> dict[Path, list[str]]:
    """Return what can be named where, beside the fields of the model there."""
    return {
        ("input",): list(models.connectors),
        ("output",): list(models.connectors),
        ("store",): list(models.shared_logs),
        ("store", "journal"): list(models.journals),
    }


def _spell_out(document: Document, model: type[Config], touched: set[Path]) -> None:
    """Give texts from variables and flags the shape of their fields; take a mapping without any key for empty."""
    for path in touched:
        field = field_at(model, path)
        text = document.get(path)
        if field is not None and is_structured(field) and isinstance(text, str):
            _set(document.values, path, _structure(text))
    _fill_empty(document.values, model, ())


def _structure(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, *NOT_A_VALUE):
        return text  # the model says what is wrong with it


def _fill_empty(values: dict[str, Any], model: type[Config], around: Path) -> None:
    for key, value in values.items():
        field = field_at(model, (*around, key))
        if value is None and field is not None and is_mapping(field):
            values[key] = {}
        elif isinstance(value, dict):
            _fill_empty(value, model, (*around, key))


def _set(values: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        values = values[step]
    values[path[-1]] = value
