"""Provide the decorator `@puras.skill`, which marks the function of a skill in a `%%skill` cell of a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

__all__ = ["SETTINGS", "skill"]

SETTINGS = "__puras_skill__"
"""The attribute of the function with the settings of the decorator."""

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def skill(function: Function, /) -> Function: ...
@overload
def skill(**settings: Any) -> Callable[[Function], Function]: ...
def skill(function: Any = None, /, **settings: Any) -> Any:
    """Mark a function as the skill of its cell, and return it unchanged.

    Settings are keys of skill.yaml: `@puras.skill(network="none", examples=[…])`. The schemas are derived from
    the type hints, and the description from the docstring, unless they are settings.
    """

    def mark(marked: Function) -> Function:
        setattr(marked, SETTINGS, settings)
        return marked

    return mark if function is None else mark(function)
