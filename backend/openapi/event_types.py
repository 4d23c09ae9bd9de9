"""The types of events outside of the code: descriptions, and schemas of the API.

The reference in the documentation and the types of both clients are generated from them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any, Final, NamedTuple, get_args, get_type_hints

from pydantic import TypeAdapter

from backend.execution.events.types import REGISTRY, Event, Omitted
from backend.execution.events.types.base import key_of

BASE: Final = "EventRead"
"""The schema of an event of any type."""
UNION: Final = "JobEvent"
_OMITTED: Final = re.compile(r" \| Omitted\b|\bOmitted \| ")
_SCHEMAS: Final = "#/components/schemas/"


class EventField(NamedTuple):
    """A field of a payload."""

    key: str
    annotation: str
    """The type in Python syntax."""
    schema: dict[str, Any]
    is_required: bool
    description: str


class EventDescription(NamedTuple):
    """A type of event."""

    type: str
    class_name: str
    description: str
    fields: Sequence[EventField]
    has_more: bool
    """Whether payloads can have fields that are not described."""


class EventGroup(NamedTuple):
    """The types of events of one subject."""

    description: str
    events: Sequence[EventDescription]


def groups() -> list[EventGroup]:
    """Return all types of events by their subjects, in the order of the code."""
    by_module: dict[str, list[type[Event]]] = {}
    for one in REGISTRY.values():
        by_module.setdefault(one.__module__, []).append(one)
    return [
        EventGroup(
            inspect.getdoc(importlib.import_module(module)) or "", [_described(one) for one in members]
        )
        for module, members in sorted(
            by_module.items(), key=lambda pair: _ORDER.index(pair[0].rpartition(".")[2])
        )
    ]


_ORDER: Final = ("lifecycle", "output", "steps", "environment", "agent", "control", "services")


def schemas() -> dict[str, Any]:
    """Return the schema of each type of event and of their union, for an OpenAPI document."""
    events = [event for group in groups() for event in group.events]
    union = {
        "description": "An event of a known type; later versions add types, and old jobs can have types that are no "
        f"longer recorded. Treat those as `{BASE}`.",
        "oneOf": [{"$ref": _SCHEMAS + event.class_name} for event in events],
        "discriminator": discriminator(),
    }
    return {**{event.class_name: _schema(event) for event in events}, UNION: union}


def discriminator() -> dict[str, Any]:
    """Return the discriminator of the union, which maps each type to its schema."""
    return {
        "propertyName": "type",
        "mapping": {kind: _SCHEMAS + one.__name__ for kind, one in sorted(REGISTRY.items())},
    }


def _described(one: type[Event]) -> EventDescription:
    return EventDescription(
        one.type,
        one.__name__,
        " ".join((one.__doc__ or "").split()),
        list(_fields(one)),
        one.extra is not None,
    )


def _fields(one: type[Event]) -> Iterator[EventField]:
    hints = get_type_hints(one)
    texts = _docstrings(one)
    for name, annotation in one.__annotations__.items():
        key = key_of(name)
        if key in one.payload_keys:
            yield EventField(
                key,
                _OMITTED.sub("", annotation).replace("Sequence[", "list["),
                TypeAdapter(_without_omitted(hints[name])).json_schema(),
                key in one.required_keys,
                texts[name],
            )


def _without_omitted(hint: Any) -> Any:
    members = get_args(hint)
    if Omitted not in members:
        return hint
    return reduce(or_, (member for member in members if member is not Omitted))


def _docstrings(one: type[Event]) -> dict[str, str]:
    """Return the docstring of each field."""
    (node,) = ast.parse(inspect.getsource(one)).body
    assert isinstance(node, ast.ClassDef)  # noqa: S101 - always the source of a class
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def _schema(event: EventDescription) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "type": "object",
        "properties": {one.key: {**one.schema, "description": one.description} for one in event.fields},
        "required": [one.key for one in event.fields if one.is_required],
    }
    if event.has_more:
        payload["additionalProperties"] = True
    own = {
        "type": "object",
        "properties": {"type": {"const": event.type}, "payload": payload},
        "required": ["type", "payload"],
    }
    return {"description": event.description, "allOf": [{"$ref": _SCHEMAS + BASE}, own]}
