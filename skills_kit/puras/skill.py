"""Marks the function that is a skill, in a `%%skill` cell of a notebook: `@puras.skill` over a typed function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

__all__ = ["SETTINGS", "skill"]

SETTINGS = "__puras_skill__"
"""The attribute that holds what the decorator was given."""

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def skill(function: Function, /) -> Function: ...
@overload
def skill(**settings: Any) -> Callable[[Function], Function]: ...
def skill(function: Any = None, /, **settings: Any) -> Any:
    """The function as it was, marked as the skill of its cell.

    Settings are keys of skill.yaml, `@puras.skill(network="none", examples=[…])`. The schemas come from the type hints,
    the description from the docstring, unless they are given here.
    """

    def mark(marked: Function) -> Function:
        setattr(marked, SETTINGS, settings)
        return marked

    return mark if function is None else mark(function)
