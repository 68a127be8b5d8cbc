"""Secrets come from variables, never from the text of the file."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel

from aura_stream.config.document import Document, Path, dotted
from aura_stream.config.fields import field_at, is_secret
from aura_stream.config.substitution import hide_variables, secret_is_literal, texts

_PASSWORD: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@]*:([^/]*)@", re.IGNORECASE)
_VARIABLE: Final = "\x00"  # cannot stand in a YAML text


def literal_secrets(document: Document, model: type[BaseModel]) -> list[str]:
    """Return a line for each secret that is written out in the document, which is not substituted yet."""
    problems: list[str] = []
    for path, text in texts(document.values):
        field = field_at(model, path)
        if field is not None and is_secret(field):
            if secret_is_literal(text):
                problems.append(_line(document, path, "is a secret"))
        elif has_literal_password(text):
            problems.append(_line(document, path, "holds a password"))
    return problems


def has_literal_password(text: str) -> bool:
    """Tell whether the text is a url with a password that no variable stands for."""
    match = _PASSWORD.match(hide_variables(text, _VARIABLE))
    return match is not None and match[1].replace(_VARIABLE, "") != ""


def _line(document: Document, path: Path, what: str) -> str:
    key = next(step for step in reversed(path) if isinstance(step, str))
    name = re.sub(r"[^A-Z0-9]+", "_", key.upper())
    return f"{document.place(path)}: {dotted(path)} {what}: write ${{{name}}} there, and set that environment variable"
