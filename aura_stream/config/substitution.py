"""`${VAR}` and `${VAR:default}` in the values of a file; `$${` stands for a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aura_stream.config.document import Document, Path
from aura_stream.errors import ConfigError

_VARIABLE: Final = re.compile(r"\$(\$)?\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\})?")


def substitute(document: Document, environ: Mapping[str, str]) -> set[Path]:
    """Put the variables' values into the document; return the paths of the texts that had any.

    Raises ConfigError, naming the variable, for one that is not set and has no default.
    """
    touched: set[Path] = set()
    for path, text in texts(document.values):
        if "${" in text:
            document_value = _filled(text, environ, document.place(path))
            _replace(document.values, path, document_value)
            touched.add(path)
    return touched


def texts(value: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Return every text inside nested mappings and lists, with its path."""
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [found for key, child in value.items() for found in texts(child, (*path, key))]
    if isinstance(value, list):
        return [found for index, child in enumerate(value) for found in texts(child, (*path, index))]
    return []


def secret_is_literal(text: str) -> bool:
    """Tell whether anything in this text, before substitution, is not a variable without a default."""
    return _VARIABLE.sub(lambda match: "" if match[2] and not match[1] and not match[3] else "literal", text) != ""


def hide_variables(text: str, mark: str) -> str:
    """Return the text with `mark` for each variable that has no default."""
    return _VARIABLE.sub(lambda match: mark if match[2] and not match[1] and not match[3] else match[0], text)


def _filled(text: str, environ: Mapping[str, str], place: str) -> str:
    def value_of(match: re.Match[str]) -> str:
        escaped, name, default = match.groups()
        if escaped:
            return match[0][1:]
        if name is None:
            raise ConfigError(
                f"{place}: ${{ begins no variable; write ${{NAME}}, ${{NAME:default}}, or $${{ for itself"
            )
        value = environ.get(name, default)
        if value is None:
            raise ConfigError(f"{place}: environment variable {name} is not set, and no default is given")
        return value

    return _VARIABLE.sub(value_of, text)


def _replace(values: Any, path: Path, text: str) -> None:
    for step in path[:-1]:
        values = values[step]
    values[path[-1]] = text
