"""The idempotency key of the durable step that runs in this thread, if one does."""

from __future__ import annotations

import sys


def current_key() -> str | None:
    """Return the key; None outside of steps. The module of steps is not imported for that."""
    runtime = sys.modules.get("puras.durable.runtime")
    place = None if runtime is None else runtime.current_step.get()
    return None if place is None else str(place.idempotency_key)
