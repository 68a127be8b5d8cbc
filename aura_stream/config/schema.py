"""The configuration's JSON Schema, for editors and for checks in other languages."""

from __future__ import annotations

from typing import Any

from aura_stream.config.models import Config, Named, OptionModels, config_model


def full_model(models: OptionModels) -> type[Config]:
    """Return the model of a file in which everything installed can be named."""
    connectors = models.connectors.items()
    return config_model(
        Named(
            {name: connector.source for name, connector in connectors},
            {name: connector.sink for name, connector in connectors},
            dict(models.shared_logs),
            dict(models.journals),
        )
    )


def json_schema(models: OptionModels) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file in which these can be named."""
    schema = full_model(models).model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
