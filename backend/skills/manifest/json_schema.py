"""Generate the JSON Schema of skill.yaml and puras.yaml, for editors and for the reference page."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, Literal, get_args, get_origin

from backend.core.attribute_docstrings import descriptions
from backend.skills.manifest.files import PackFile, SkillFile
from backend.skills.manifest.keys import MAX_TEXT, Field, Key, Part, Variant, described, fields_of
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import Catalogue
from backend.skills.schemas.schema_dialect import DIALECT_TYPES

_Schema = dict[str, Any]

_SCALARS: Final[dict[Any, _Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Any: {},
}


def skill_json_schema() -> _Schema:
    """Return the schema with which editors check and complete a skill.yaml."""
    return _schema(catalog.current())


def pack_json_schema() -> _Schema:
    """Return the schema of a puras.yaml."""
    return PartSchemas(catalog.current()).of(PackFile)


@lru_cache(maxsize=1)
def _schema(models: Catalogue) -> _Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "skill.yaml",
        "description": "A skill of Puras Studio.",
        **PartSchemas(models).of(SkillFile),
        "$defs": {"schema": dialect_schema()},
    }


class PartSchemas:
    """The schemas of parts, with the models of a catalog."""

    def __init__(self, models: Catalogue) -> None:
        self._models = models

    def of(self, model: type[Part]) -> _Schema:
        """Return the schema of a part: of an object, or of one for each of its variants."""
        if model.noun or not model.variants:
            return self._object(model)
        return {"anyOf": [{"title": one.noun, **self._object(model, one)} for one in model.variants]}

    def _object(self, model: type[Part], variant: Variant | None = None) -> _Schema:
        fields = [field for field in fields_of(model) if variant is None or field.key in variant.keys]
        required = [one.key for one in fields if one.key in variant.required] if variant else []
        required = required or [one.key for one in fields if one.is_required]
        texts = descriptions(model)
        return {
            "type": "object",
            "properties": {one.key: self._described(one, texts.get(one.name, "")) for one in fields},
            **({"required": required} if required else {}),
            **({"additionalProperties": False} if variant or model.noun else {}),
        }

    def _described(self, field: Field, description: str) -> _Schema:
        text = re.sub(r"\s+", " ", description)
        limit = f" At most {field.rule.most:,}." if field.type in (int, float) else ""
        return {"description": text + limit, **self._value(field.type, field.rule)}

    def _value(self, kind: Any, rule: Key) -> _Schema:
        schema = dict(rule.schema) if rule.schema else self._of_type(rule.part or kind, rule)
        short = {"type": "array", "items": self.of(rule.list_of)} if rule.list_of else rule.shorthand
        return {"anyOf": [dict(short), schema]} if short else schema

    def _of_type(self, kind: Any, rule: Key) -> _Schema:
        if rule.catalog:
            models, part = self._models, rule.catalog
            names = models.models if part == "models" else models.media_names(part)
            return {"enum": list(names)}
        if get_origin(kind) is Literal:
            return {"enum": list(get_args(kind))}
        if get_origin(kind) is tuple:
            return self._list(*described(get_args(kind)[0]), rule)
        if get_origin(kind) is dict:
            value = self._value(*described(get_args(kind)[1]))
            count = {"maxProperties": rule.most} if rule.most < MAX_TEXT else {}
            return {"type": "object", **({"additionalProperties": value} if value else {}), **count}
        if kind in (int, float):
            return _number(kind, rule)
        return self.of(kind) if issubclass(kind, Part) else _SCALARS[kind]

    def _list(self, kind: Any, of_entry: Key, rule: Key) -> _Schema:
        entry: _Schema = {"enum": list(rule.words)} if rule.words else self._value(kind, of_entry)
        several = {"type": "array", "items": entry}
        words = [{"enum": [rule.everything]}] if rule.everything else []
        return {"anyOf": [*words, entry, several]} if rule.is_one_or_many else several


def _number(kind: type[int | float], rule: Key) -> _Schema:
    lower = {"minimum": rule.least} if rule.above is None else {"exclusiveMinimum": rule.above}
    return {"type": "integer" if kind is int else "number", **lower}


def dialect_schema() -> _Schema:
    """Return the schema of `input_schema`, `output_schema` and similar keys."""
    kind = {"enum": sorted(DIALECT_TYPES)}
    inner = {"$ref": "#/$defs/schema"}
    named = {"type": "object", "additionalProperties": inner}
    return {
        "type": ["object", "boolean"],
        "properties": {
            "type": {"anyOf": [kind, {"type": "array", "items": kind}]},
            "description": {"type": "string"},
            "properties": named,
            "items": inner,
            "required": {"type": "array", "items": {"type": "string"}},
            "enum": {"type": "array"},
            "default": {},
            "$defs": named,
        },
    }
