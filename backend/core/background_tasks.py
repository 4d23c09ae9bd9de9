"""Duties: what a process does again and again beside its work, for as long as it lives.

What can be expected to go wrong, a duty handles by itself. A fault of ours must not end it: nobody awaits it, so it
would be missing for good and in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backend.core import logs

log = logs.get(__name__)


@contextmanager
def log_and_continue(duty: str, **facts: Any) -> Iterator[None]:
    """One round of a duty: a fault is logged, and the next round comes all the same."""
    try:
        yield
    except Exception as error:  # the last resort
        log.exception("fault in a duty; it goes on", duty=duty, error=str(error), **facts)
