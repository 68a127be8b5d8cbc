"""Renders the tables of docs/configuration.md from the option models, the one place where options are declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.config import Config
from aura_stream.config.quantities import Duration, Size, format_duration, format_size

CONNECTORS = ("kafka", "redis_streams", "files", "memory")
SHARED_LOGS = ("redis",)
JOURNALS = ("file", "kafka", "redis")
_DURATION, _SIZE = get_args(Duration)[1], get_args(Size)[1]


def render() -> str:
    """Return all tables as Markdown."""
    sections = [_section("The file", _rows(Config, ""))]
    connectors = InstalledConnectors()
    for name in CONNECTORS:
        connector = connectors[name]
        sections.append(_section(f"`input.{name}`", _rows(connector.source_options, "")))
        sections.append(_section(f"`output.{name}`", _rows(connector.sink_options, "")))
    models = option_models(connectors)
    sections += [_section(f"`store.{name}`", _rows(models.shared_logs[name], "")) for name in SHARED_LOGS]
    sections += [_section(f"`store.journal.{name}`", _rows(models.journals[name], "")) for name in JOURNALS]
    return "\n".join(sections)


def _section(title: str, rows: Iterator[str]) -> str:
    return "\n".join([f"### {title}", "", "| key | value | default | meaning |", "|---|---|---|---|", *rows, ""])


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner = _model(field.annotation)
        if inner is not None and inner.model_fields and key not in ("input", "output"):
            yield f"| `{key}` | mapping | {_default(field)} | {_meaning(field) or _first_line(inner)} |"
            yield from _rows(inner, f"{key}.")
        else:
            yield f"| `{key}` | {_kind(field)} | {_default(field)} | {_meaning(field)} |"


def _kind(field: FieldInfo) -> str:
    return _quantity(field) or _words(field.annotation)


def _quantity(field: FieldInfo) -> str | None:
    """Return what kind of quantity the field takes, alone or among others; None for any other field."""
    marks = [*field.metadata, *(mark for each in get_args(field.annotation) for mark in get_args(each)[1:])]
    return "duration" if _DURATION in marks else "size" if _SIZE in marks else None


def _words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " \\| ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is list:
        return "list"
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if parts:
        return _words(parts[0])
    known = {
        "str": "text",
        "int": "number",
        "float": "number",
        "bool": "true \\| false",
        "Path": "path",
        "SecretStr": "secret",
    }
    return known.get(annotation.__name__, "url" if "Url" in annotation.__name__ else "mapping")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if _quantity(field) == "duration":
        return f"`{format_duration(value)}`"
    if _quantity(field) == "size":
        return f"`{format_size(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _model(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
