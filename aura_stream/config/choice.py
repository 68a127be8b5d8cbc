"""Mappings of the file, and those that name exactly one of what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

C = TypeVar("C", bound="Choice")


class Options(BaseModel):
    """A mapping of the file: no key beside those declared, and no value in an error message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Choice(Options):
    """Exactly one of several, with its options. `choices` declares which."""

    what: ClassVar[str] = "connector"

    @model_validator(mode="after")
    def _one(self) -> Choice:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"name exactly one {self.what}")
        return self

    @property
    def chosen(self) -> str:
        """The name of the one."""
        (name,) = self.model_fields_set
        return name

    @property
    def options(self) -> BaseModel:
        """Its own options."""
        options: BaseModel = getattr(self, self.chosen)
        return options


def choices(name: str, base: type[C], models: Mapping[str, type[BaseModel]]) -> type[C]:
    """Return a model in which each of these can be named."""
    return create_model(name, __base__=base, __doc__=base.__doc__, **optional(models))


def optional(models: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return the declarations of fields that may be left out, one for each model."""
    return {
        name: (model | None, Field(None, description=(model.__doc__ or "").strip())) for name, model in models.items()
    }
