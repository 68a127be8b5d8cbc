"""The configuration's JSON Schema, for editors and for checks in other languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aura_stream.config.models import ConnectorModels, config_model


def json_schema(connectors: Mapping[str, ConnectorModels]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file in which these connectors can be named."""
    model = config_model(
        {name: models.source for name, models in connectors.items()},
        {name: models.sink for name, models in connectors.items()},
    )
    schema = model.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
