"""Generate the JSON Schema of flow.yaml, for editors and for the reference page."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from backend.skills.flows.types import Flow, Step
from backend.skills.manifest.json_schema import PartSchemas, dialect_schema
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import Catalogue


def flow_json_schema() -> dict[str, Any]:
    """Return the schema with which editors check and complete a flow.yaml."""
    return _schema(catalog.current())


@lru_cache(maxsize=1)
def _schema(models: Catalogue) -> dict[str, Any]:
    parts = PartSchemas(models)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flow.yaml",
        "description": "A flow of Puras Studio.",
        **parts.of(Flow),
        "anyOf": [{"properties": {"steps": {"minItems": 1}}}, {"required": ["output"]}],
        "$defs": {"schema": dialect_schema(), "step": parts.of(Step)},
    }
