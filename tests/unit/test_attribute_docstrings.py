"""Descriptions of fields that come from their docstrings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field, WithJsonSchema

from backend.core.attribute_docstrings import Schema, descriptions

BACKEND = Path(__file__).parents[2] / "backend"
_Item = TypeVar("_Item")


class Plain(BaseModel):
    first: int = 1
    """Of the base."""
    second: int = 2
    """Of the base,
    on two lines."""


class Part(Schema):
    """A part."""

    class Inner(Schema):
        """An inner class."""

        first: int = 1
        """Of the inner class."""

    inner: Inner
    """The inner one."""


class Whole(Part, Plain):
    second: int = 3
    aliased: int = Field(alias="other_name")
    """With an alias."""
    declared: int = Field(description="Declared.")
    """Ignored."""
    typed: Annotated[int, WithJsonSchema({"type": "integer", "description": "Of the type."})] = 0
    """Of the field."""

    @property
    def unrelated(self) -> int:
        """Return a number."""
        local: int = 1
        """Of a local variable."""
        return local


class Page(Schema, Generic[_Item]):
    items: list[_Item]
    """The items."""


def test_fields_have_the_docstrings_of_the_classes_that_declare_them() -> None:
    assert descriptions(Whole) == {
        "first": "Of the base.",
        "inner": "The inner one.",
        "aliased": "With an alias.",
        "typed": "Of the field.",
    }
    assert descriptions(Plain)["second"] == "Of the base,\non two lines."


def test_json_schema_contains_the_descriptions() -> None:
    schema = Whole.model_json_schema()
    found = {name: field.get("description") for name, field in schema["properties"].items()}
    assert found == {
        "first": "Of the base.",
        "second": None,
        "inner": "The inner one.",
        "other_name": "With an alias.",
        "declared": "Declared.",
        "typed": "Of the field.",
    }
    assert schema["$defs"]["Inner"]["properties"]["first"]["description"] == "Of the inner class."


def test_class_in_a_function_and_generic_class_have_descriptions() -> None:
    class Local(Schema):
        field: int
        """In a function."""

    assert descriptions(Local) == {"field": "In a function."}
    assert descriptions(Page[Local]) == {"items": "The items."}
    assert Page[Local].model_json_schema()["properties"]["items"]["description"] == "The items."


def test_only_query_parameters_have_descriptions_that_are_read_at_the_start() -> None:
    eager = {
        str(file.relative_to(BACKEND))
        for file in BACKEND.rglob("*.py")
        if "use_attribute_docstrings" in file.read_text(encoding="utf-8")
    }
    assert eager == {"data/memory/schemas.py"}, "use `Schema` of backend.core.attribute_docstrings"
