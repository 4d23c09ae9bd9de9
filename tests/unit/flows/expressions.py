"""Evaluate and check expressions in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.skills.flows.cel.check import Scope, check
from backend.skills.flows.cel.evaluate import evaluate
from backend.skills.flows.cel.parser import parse
from backend.skills.flows.cel.types import type_of_schema


def value_of(text: str, **variables: Any) -> Any:
    """Return the value of an expression."""
    return evaluate(parse(text), variables)


def checked(text: str, schemas: Mapping[str, Any] | None = None) -> tuple[str, list[str]]:
    """Return the type of an expression and its problems; variables have schemas of outputs."""
    scope = Scope({name: type_of_schema(schema, is_output=True) for name, schema in (schemas or {}).items()})
    kind, findings = check(parse(text), scope)
    return str(kind), [finding.message for finding in findings]
