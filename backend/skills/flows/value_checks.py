"""Check the expressions in the values of a flow.yaml, with the position of each problem."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from backend.skills.flows.cel.check import Scope, check
from backend.skills.flows.cel.syntax import ExpressionError
from backend.skills.flows.cel.types import DYN, STRING, Type, list_of, object_of, type_of_value
from backend.skills.flows.templates import OPENING, Expression, read_template
from backend.skills.manifest.skill_reader import Reading
from backend.skills.schemas.messages import Path, shown

MAX_TEXTS: Final = 2_000
"""Maximum texts with expressions in one flow."""
MAX_VALUE_DEPTH: Final = 24


class ValueChecks:
    """Checks values of one flow.yaml, and reports their problems."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._texts = 0

    def error(self, path: Path, message: str) -> None:
        """Report a problem that must be fixed."""
        self._reading.findings.error(self._reading.document.problem(path, message))

    def warn(self, path: Path, message: str) -> None:
        """Report something that is probably not intended."""
        self._reading.findings.warn(self._reading.document.problem(path, message))

    def keys_at(self, path: Path) -> list[str]:
        """Return the keys of the mapping at a path."""
        value = self._reading.document.value
        try:
            for part in path:
                value = value[part]
        except (KeyError, IndexError, TypeError):
            return []
        return [str(key) for key in value] if isinstance(value, dict) else []

    def condition(self, value: bool | str | None, path: Path, scope: Scope) -> None:
        """Check a condition."""
        if not isinstance(value, str):
            return
        kind = self.text(value, path, scope, must_be_lone=True)
        if kind.kind not in ("bool", "dyn"):
            self.error(path, f"In {_quoted(value)}: a condition is true or false, not {kind}.")

    def duration(self, value: str, path: Path, scope: Scope) -> None:
        """Check an expression of a duration."""
        kind = self.text(value, path, scope, must_be_lone=True)
        if kind.kind not in ("int", "double", "number", "string", "dyn"):
            self.error(path, f"A duration is a number of seconds, or text like '2h', not {kind}.")

    def until(self, value: str, path: Path, scope: Scope) -> None:
        """Check a time."""
        if OPENING in value:
            kind = self.text(value, path, scope)
            if kind.kind not in ("string", "dyn"):
                self.error(path, f"A time is text like '2026-01-31T09:00:00Z', not {kind}.")
            return
        try:
            is_complete = datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            is_complete = False
        if not is_complete:
            self.error(path, f"{shown(value)} is not a time with a time zone. Write '2026-01-31T09:00:00Z'.")

    def value(self, value: Any, path: Path, scope: Scope, depth: int = 0) -> Type:
        """Check the expressions in a value, and return its type."""
        if isinstance(value, str) and OPENING in value:
            return self.text(value, path, scope)
        if isinstance(value, dict) and depth < MAX_VALUE_DEPTH:
            return object_of(
                {name: self.value(one, (*path, name), scope, depth + 1) for name, one in value.items()}
            )
        if isinstance(value, list) and depth < MAX_VALUE_DEPTH:
            kinds = [self.value(one, (*path, index), scope, depth + 1) for index, one in enumerate(value)]
            return list_of(kinds[0] if kinds and all(kind == kinds[0] for kind in kinds) else DYN)
        return type_of_value(value)

    def text(self, text: str, path: Path, scope: Scope, *, must_be_lone: bool = False) -> Type:
        """Check the expressions in a text, and return the type of its value."""
        self._texts += 1
        if self._texts > MAX_TEXTS:
            if self._texts == MAX_TEXTS + 1:
                self.error(path, f"The flow has more than {MAX_TEXTS:,} texts with expressions. Split it.")
            return DYN
        try:
            template = read_template(text)
        except ExpressionError as error:
            self.error(path, f"In {_quoted(text)}: {error.message}")
            return DYN
        kinds = [self._expression(expression, path, scope) for expression in template.expressions]
        if template.lone is not None:
            return kinds[0]
        if must_be_lone:
            self.error(path, f"{_quoted(text)} must be one expression, without text around it.")
            return DYN
        return STRING

    def _expression(self, expression: Expression, path: Path, scope: Scope) -> Type:
        checked = check(expression.node, scope)
        for finding in checked.findings:
            report = self.warn if finding.is_warning else self.error
            is_named = finding.message.startswith(f"{expression.source}: ")
            report(
                path, finding.message if is_named else f"In {_quoted(expression.source)}: {finding.message}"
            )
        return checked.type


def has_expression(value: Any) -> bool:
    """Return whether a value contains an expression."""
    if isinstance(value, dict):
        return any(map(has_expression, value.values()))
    if isinstance(value, list):
        return any(map(has_expression, value))
    return isinstance(value, str) and OPENING in value


def _quoted(text: str) -> str:
    return f"`{text if len(text) <= 120 else text[:119] + '…'}`"
