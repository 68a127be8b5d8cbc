"""Options from `AURA_…` variables and from flags, laid over those of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import yaml

from aura_stream.config.document import NOT_A_VALUE, Document, Path, dotted
from aura_stream.config.fields import field_at, is_secret, is_structured
from aura_stream.config.later import LATER
from aura_stream.config.models import Config
from aura_stream.config.secrets import has_literal_password
from aura_stream.errors import ConfigError

PREFIX: Final = "AURA_"
SEPARATOR: Final = "__"


def overlay_environment(document: Document, environ: Mapping[str, str], model: type[Config]) -> None:
    """Set what variables such as AURA_CODEC__CHECK_BYTES say.

    A variable whose first word is no key is none of ours (an orchestrator sets AURA_STREAM_SERVICE_HOST), unless it
    looks like a misspelt one. A key of a later part is one all the same, so that it is refused.
    """
    later = {path[0] for path in LATER}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        path = tuple(variable.removeprefix(PREFIX).lower().split(SEPARATOR))
        if path[0] in model.model_fields or path[0] in later:
            _put(document, path, environ[variable], f"environment variable {variable}", model)
        elif close := get_close_matches(path[0], model.model_fields, n=1, cutoff=0.85):
            meant = PREFIX + SEPARATOR.join((close[0], *path[1:])).upper()
            raise ConfigError(f"environment variable {variable}: unknown key; did you mean {meant}?")


def overlay_flags(document: Document, flags: Sequence[tuple[str, str]], model: type[Config]) -> None:
    """Set what flags say: pairs of a dotted key and a text. A secret is refused, for any user can list processes."""
    for key, text in flags:
        path = tuple(key.split("."))
        field = field_at(model, path)
        if (field is not None and is_secret(field)) or has_literal_password(text):
            raise ConfigError(f"--set {key}: secrets come from the environment only")
        _put(document, path, text, f"--set {key}", model)


def _put(document: Document, path: Path, text: str, place: str, model: type[Config]) -> None:
    field = field_at(model, path)
    document.put(path, _value(text, field is not None and is_structured(field), place, path), place)


def _value(text: str, structured: bool, place: str, path: Path) -> Any:
    if not structured:
        return text
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, *NOT_A_VALUE) as error:
        raise ConfigError(
            f"{place}: {dotted(path)} takes a list or a mapping, as YAML writes it in one line"
        ) from error
