"""Read `${{ … }}` in the texts of a flow.yaml.

A text that is one expression has the value of that expression, of any type. In other texts, the values of expressions
are inserted as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from backend.skills.flows.cel.budget import Budget, EvaluationError
from backend.skills.flows.cel.evaluate import evaluate
from backend.skills.flows.cel.parser import MAX_CACHED, MAX_CACHED_CHARACTERS, parse
from backend.skills.flows.cel.syntax import ExpressionError, Node
from backend.skills.flows.cel.values import text_of

OPENING: Final = "${{"
CLOSING: Final = "}}"
MAX_EXPRESSIONS: Final = 100
"""Maximum expressions in one text."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression in a text."""

    source: str
    node: Node


@dataclass(frozen=True, slots=True)
class Template:
    """A text with expressions."""

    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Return the expressions in the text."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    @property
    def lone(self) -> Expression | None:
        """Return the expression if the text is only one, apart from surrounding white space."""
        found = [part for part in self.parts if not isinstance(part, str) or part.strip()]
        return found[0] if len(found) == 1 and isinstance(found[0], Expression) else None


def read_template(text: str) -> Template:
    """Return the parts of a text.

    Raises:
        ExpressionError: an expression is not closed, or not valid.
    """
    return _read_once(text) if len(text) <= MAX_CACHED_CHARACTERS else _read(text)


def _read(text: str) -> Template:
    parts: list[str | Expression] = []
    at = 0
    while (start := text.find(OPENING, at)) >= 0:
        if start > at:
            parts.append(text[at:start])
        source, at = _source(text, start + len(OPENING))
        parts.append(Expression(source, parse(source)))
        if len(parts) > 2 * MAX_EXPRESSIONS:
            raise ExpressionError(f"The text has more than {MAX_EXPRESSIONS} expressions. Split it.")
    if at < len(text):
        parts.append(text[at:])
    return Template(tuple(parts))


_read_once: Final = lru_cache(maxsize=MAX_CACHED)(_read)


def replace_sources(text: str, change: Callable[[str], str]) -> str:
    """Return the text with each expression replaced by `change` of it; the same text if one is not closed."""
    parts: list[str] = []
    at = 0
    while (start := text.find(OPENING, at)) >= 0:
        start += len(OPENING)
        try:
            _, end = _source(text, start)
        except ExpressionError:
            return text
        inner = end - len(CLOSING)
        parts += [text[at:start], change(text[start:inner]), CLOSING]
        at = end
    return "".join(parts) + text[at:]


def _source(text: str, start: int) -> tuple[str, int]:
    """Return the expression that starts at a position, and the position after its closing braces.

    Braces of objects and braces in quoted texts do not close it.
    """
    depth, at = 0, start
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = _after_quoted(text, at)
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            if depth == 0 and text.startswith(CLOSING, at):
                source = text[start:at].strip()
                if not source:
                    raise ExpressionError("'${{ }}' contains no expression. Add one, or remove the braces.")
                return source, at + len(CLOSING)
            depth -= 1
        at += 1
    raise ExpressionError(f"'{OPENING}' is not closed. Add '{CLOSING}' after the expression.")


def _after_quoted(text: str, at: int) -> int:
    """Return the position after a quoted text; the end if it is not closed, which the parser reports."""
    quote = text[at] * 3 if text.startswith(text[at] * 3, at) else text[at]
    is_raw = text[at - 1 : at] in ("r", "R") and not text[at - 2 : at - 1].isalnum()
    at += len(quote)
    while at < len(text) and not text.startswith(quote, at):
        at += 2 if text[at] == "\\" and not is_raw else 1
    return at + len(quote)


def render(value: Any, variables: Mapping[str, Any], budget: Budget | None = None) -> Any:
    """Return a value of a flow.yaml with its expressions replaced by their values.

    Args:
        value: A JSON value.
        variables: The variables of the expressions.
        budget: What is left of the work; a new budget by default.

    Raises:
        EvaluationError: an expression has no value; the message names the expression.
    """
    spent = budget or Budget()
    if isinstance(value, str):
        return _text(value, variables, spent) if OPENING in value else value
    if isinstance(value, list):
        return [render(one, variables, spent) for one in value]
    if isinstance(value, dict):
        return {name: render(one, variables, spent) for name, one in value.items()}
    return value


def render_text(text: str, variables: Mapping[str, Any]) -> str:
    """Return a text of a flow.yaml with its expressions replaced by text. Values are never read as expressions.

    Raises:
        EvaluationError: an expression has no value; the message names the expression.
    """
    budget = Budget()
    return text_of(render(text, variables, budget), budget, 0)


def _text(text: str, variables: Mapping[str, Any], budget: Budget) -> Any:
    template = read_template(text)
    lone = template.lone
    if lone is not None:
        return _evaluated(lone, variables, budget)
    parts = []
    for part in template.parts:
        if isinstance(part, str):
            parts.append(part)
        else:
            parts.append(text_of(_evaluated(part, variables, budget), budget, 0))
        budget.create(len(parts[-1]), 0)
    return "".join(parts)


def _evaluated(expression: Expression, variables: Mapping[str, Any], budget: Budget) -> Any:
    try:
        return evaluate(expression.node, variables, budget)
    except EvaluationError as error:
        shown = expression.source if len(expression.source) <= 200 else expression.source[:199] + "…"
        raise type(error)(f"${{{{ {shown} }}}}: {error.message}", error.at) from error
