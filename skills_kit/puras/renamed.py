"""Accept former names of parameters and of classes for one more release."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])


def renamed_parameters(**names: str) -> Callable[[_Function], _Function]:
    """Accept the former names of keyword parameters, with a warning.

    Args:
        names: The current name of each parameter by its former name.
    """

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def call(*positional: Any, **keywords: Any) -> Any:
            for former, current in names.items():
                if former in keywords:
                    if current in keywords:
                        raise TypeError(
                            f"{function.__name__}() got {current!r} and its former name {former!r}."
                        )
                    warnings.warn(f"{former!r} is now {current!r}.", DeprecationWarning, stacklevel=2)
                    keywords[current] = keywords.pop(former)
            return function(*positional, **keywords)

        return cast("_Function", call)

    return decorate


def renamed_names(module: str, **names: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a module that has classes under former names, with a warning.

    Args:
        module: The name of the module.
        names: The current name of each class by its former name.
    """

    def find(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(f"{name!r} is now {names[name]!r}.", DeprecationWarning, stacklevel=2)
        return getattr(sys.modules[module], names[name])

    return find
