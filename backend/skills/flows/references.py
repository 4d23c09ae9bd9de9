"""Find the steps whose results the expressions of a flow.yaml read, and rename them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from backend.skills.flows.cel.syntax import Constant, ExpressionError, Index, Name, Node, Select, children
from backend.skills.flows.cel.tokens import tokens_of
from backend.skills.flows.templates import OPENING, read_template, replace_sources
from backend.skills.flows.types import Step
from backend.skills.schemas.messages import Path

INPUTS: Final = "inputs"
_STEPS: Final = "steps"
_STATIC: Final = frozenset({"output_schema", "form"})
"""Keys whose values are schemas, which contain no expressions."""


def texts_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the texts with expressions in a value, each with its path."""
    if isinstance(value, str) and OPENING in value:
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key not in _STATIC:
            yield from texts_in(inner, (*path, key))


def read_names(text: str) -> frozenset[str]:
    """Return the IDs of the steps that a text reads, and `inputs` as `""`; none if it is not valid."""
    try:
        found = read_template(text)
    except ExpressionError:
        return frozenset()
    return frozenset(name for one in found.expressions for name in _names(one.node))


def _names(node: Node) -> Iterator[str]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Name) and one.name == INPUTS:
            yield ""
        elif isinstance(one, Select) and one.operand == Name(_STEPS, getattr(one.operand, "at", 0)):
            yield one.field
        elif (
            isinstance(one, Index)
            and one.operand == Name(_STEPS, getattr(one.operand, "at", 0))
            and isinstance(one.index, Constant)
        ):
            yield str(one.index.value)
        else:
            waiting += _parts(one)


def _parts(node: Node) -> tuple[Node, ...]:
    target = getattr(node, "target", None)
    return (target,) if isinstance(target, Select) else children(node)


def steps_read_by(step: Step) -> list[str]:
    """Return the IDs of the steps that a step reads itself, without the steps inside it."""
    values = step.model_dump(mode="json", exclude={"output_schema", "default", "title"})
    for key in ("switch", "parallel"):
        for block in values[key]:
            block.pop("steps", None)
    found = (read_names(text) for _, text in texts_in(values))
    return sorted({name for names in found for name in names if name})


def renamed(text: str, before: str, after: str) -> str:
    """Return a text in which the expressions read `steps.after` instead of `steps.before`."""
    return replace_sources(text, lambda source: _renamed(source, before, after))


def _renamed(source: str, before: str, after: str) -> str:
    try:
        tokens = tokens_of(source)
    except ExpressionError:
        return source
    starts = [
        name.at
        for index, (steps, dot, name) in enumerate(zip(tokens, tokens[1:], tokens[2:], strict=False))
        if (steps.kind, steps.text, dot.text, name.kind, name.text) == ("name", _STEPS, ".", "name", before)
        and (index == 0 or tokens[index - 1].text != ".")
    ]
    for start in reversed(starts):
        source = source[:start] + after + source[start + len(before) :]
    return source
