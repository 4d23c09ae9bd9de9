"""Types for what Reflex creates at run time, which a type checker does not see.

A state class has a Var for each attribute of its instances, and decorated methods become event handlers. `mypy` treats
Reflex as `Any`, so these names say what is meant.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

Handled = Any
"""What an event handler returns: events that run after it, or None."""
Updates = Iterator[Any]
"""An event handler that sends its changes to the page at each `yield`, with the events that it yields."""
AsyncUpdates = AsyncIterator[Any]
"""The same for an asynchronous event handler."""


def as_var(value: Any) -> Any:
    """Return an attribute of a state class, which is a Var outside of its instances."""
    return value
