"""Read the docstrings of the attributes of models, which are their descriptions in JSON Schemas.

Pydantic can read them when it creates a class. It would parse the source of each class at each start, for descriptions
that only the OpenAPI document and the reference pages contain.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Schema(BaseModel):
    """A model whose JSON Schema has the docstrings of its fields."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema with descriptions. Pydantic calls this method whenever it creates the schema."""
        json_schema = handler(core_schema)
        properties = handler.resolve_ref_schema(json_schema).get("properties", {})
        for name, description in descriptions(cls).items():
            for key in _names(name, cls.model_fields[name]) & properties.keys():
                properties[key]["description"] = description
        return json_schema


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return the description of each field that has a docstring, and none that its declaration contains."""
    found: dict[str, str | None] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel):
            found |= _of_module(base.__module__).get(base.__qualname__, {})
    return {
        name: text
        for name, field in model.model_fields.items()
        if (text := found.get(name)) is not None and field.description is None
    }


def _names(name: str, field: FieldInfo) -> set[str]:
    """Return the names that the field may have in a JSON Schema."""
    aliases = (field.alias, field.validation_alias, field.serialization_alias)
    return {name, *(alias for alias in aliases if isinstance(alias, str))}


@cache
def _of_module(module: str) -> Mapping[str, Mapping[str, str | None]]:
    """Return the docstring of each annotated attribute of each class, or None if it has none."""
    if module.partition(".")[0].startswith("pydantic"):
        return {}
    try:
        source = inspect.getsource(sys.modules[module])
    except (OSError, TypeError):  # only its bytecode is installed
        return {}
    return dict(_of_classes(ast.parse(source), ""))


def _of_classes(parent: ast.AST, prefix: str) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, dict(_of_attributes(node))
            yield from _of_classes(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _of_classes(node, f"{prefix}{node.name}.<locals>.")
        else:
            yield from _of_classes(node, prefix)


def _of_attributes(node: ast.ClassDef) -> Iterator[tuple[str, str | None]]:
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, _text(following)


def _text(statement: ast.stmt | None) -> str | None:
    """Return the text of a statement that is only a string."""
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    value = statement.value.value if is_text else None  # type: ignore[union-attr]
    return inspect.cleandoc(value) if isinstance(value, str) else None
