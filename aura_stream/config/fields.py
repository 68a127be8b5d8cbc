"""Finding the declaration of an option by its path in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from aura_stream.config.document import Path


def field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """Return the field's declaration, None if there is no such field."""
    owner = model_at(model, path[:-1])
    return owner.model_fields.get(str(path[-1])) if owner is not None and path else None


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the model of the mapping at the path, None if there is none."""
    for step in path:
        if isinstance(step, int):
            continue  # the elements of a list have the type found in its annotation
        field = model.model_fields.get(step)
        inner = next(_models(field.annotation), None) if field is not None else None
        if inner is None:
            return None
        model = inner
    return model


def is_mapping(field: FieldInfo) -> bool:
    """Tell whether the field holds a mapping with keys of its own."""
    return next(_models(field.annotation), None) is not None


def is_structured(field: FieldInfo) -> bool:
    """Tell whether the field holds a list or a mapping, rather than a single value."""
    return is_mapping(field) or any(get_origin(kind) in (list, tuple, set, dict) for kind in _kinds(field.annotation))


def is_secret(field: FieldInfo) -> bool:
    """Tell whether the field must never be shown."""
    return any(kind in (SecretStr, SecretBytes) for kind in _kinds(field.annotation))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    return (kind for kind in _kinds(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel))


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)
