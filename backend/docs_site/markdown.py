"""Render the Markdown of generated pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, or an empty string if it has no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell(text) for text in line)} |\n" for line in lines) + "\n"


def cell(text: str) -> str:
    """Return a text in the form for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as code."""
    return f"`{text}`" if text else ""


def kind(schema: Mapping[str, Any]) -> str:
    """Return a short description of the values that a JSON Schema allows."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return "schema" if name == "schema" else f"[{name}](schemas.md#{name.lower()})"
    if "const" in schema:
        return code(str(schema["const"]))
    if "enum" in schema:
        return _one_of(schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(kind(one) for one in schema[several]))
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return _plain(schema)


def _one_of(values: Sequence[Any]) -> str:
    shown = [code(str(value)) for value in values[:12]]
    return ", ".join(shown) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def _plain(schema: Mapping[str, Any]) -> str:
    word = schema.get("type", "any value")
    word = " or ".join(word) if isinstance(word, list) else str(word)
    if "format" in schema:
        word += f" ({schema['format']})"
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "maxLength": "at most"}
    return word + "".join(f" {text} {schema[name]}" for name, text in bounds.items() if name in schema)


def fields(schema: Mapping[str, Any]) -> str:
    """Return a table of the fields of an object."""
    required = set(schema.get("required", ()))
    return table(
        ("Field", "Type", "Required", "Meaning"),
        [
            (
                code(name),
                kind(field),
                "yes" if name in required else _default(field),
                field.get("description", ""),
            )
            for name, field in schema.get("properties", {}).items()
        ],
    )


def _default(field: Mapping[str, Any]) -> str:
    return f"no ({code(str(field['default']))})" if field.get("default") not in (None, "", [], {}) else "no"
