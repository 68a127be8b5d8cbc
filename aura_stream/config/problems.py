"""What a validation error means to the person who wrote the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from aura_stream.config.document import Document, Path, dotted
from aura_stream.config.fields import model_at

Nameable = Mapping[Path, Sequence[str]]


def explain(error: ValidationError, document: Document, model: type[BaseModel], nameable: Nameable) -> list[str]:
    """Return one line for each mistake, with its place; no line holds a value, for it may be a secret.

    `nameable`: the names of connectors and the like, by the path of the mapping that takes one of them.
    """
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [_line(detail, document, model, nameable) for detail in details]


def _line(detail: ErrorDetails, document: Document, model: type[BaseModel], nameable: Nameable) -> str:
    path: Path = detail["loc"]
    place = document.place(path)
    match detail["type"]:
        case "extra_forbidden":
            known = {*_keys(model, path[:-1]), *nameable.get(path[:-1], ())}
            return f"{place}: {_unknown(path, known)}"
        case "model_type":
            return f"{place}: {dotted(path)}: expected a mapping of keys to values"
        case "missing":
            return f"{place}: {dotted(path)} is missing"
        case _:
            what = detail["msg"].removeprefix("Value error, ")
            is_choice = what.startswith("name exactly one") and ":" not in what
            names = f": {', '.join(sorted(nameable.get(path, ())))}" if is_choice else ""
            return f"{place}: {dotted(path)}: {what[0].lower()}{what[1:]}{names}"


def _keys(model: type[BaseModel], path: Path) -> Iterable[str]:
    owner = model_at(model, path)
    return owner.model_fields if owner is not None else ()


def _unknown(path: Path, known: Iterable[str]) -> str:
    key, where = str(path[-1]), f" in {dotted(path[:-1])}" if path[:-1] else ""
    close = get_close_matches(key, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
    return f"unknown key {key}{where}; {hint}"
