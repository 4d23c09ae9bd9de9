"""The durable step that runs in this thread, if one does: its idempotency key, and its place for events."""

from __future__ import annotations

import sys
from typing import Any


def current_key() -> str | None:
    """Return the key; None outside of steps. The module of steps is not imported for that."""
    place = _current()
    return None if place is None else str(place.idempotency_key)


def current_place() -> str | None:
    """Return the place of the step, `BRANCH:POSITION`; None outside of steps."""
    place = _current()
    return None if place is None else f"{place.branch}:{place.position}"


def headers() -> dict[str, str]:
    """Return the headers of a request to the instance that name the step."""
    place = current_place()
    return {} if place is None else {"X-Puras-Step": place}


def _current() -> Any:
    runtime = sys.modules.get("puras.durable.runtime")
    return None if runtime is None else runtime.current_step.get()
