"""The arguments with which components call event handlers."""

from __future__ import annotations

from typing import Any

import reflex as rx


def none() -> list[Any]:
    """Return no arguments."""
    return []


def one(value: rx.Var[Any]) -> list[rx.Var[Any]]:
    """Return one argument."""
    return [value]


def two(first: rx.Var[Any], second: rx.Var[Any]) -> list[rx.Var[Any]]:
    """Return two arguments."""
    return [first, second]
