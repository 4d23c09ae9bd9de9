"""The log of a journey: each completed step with its time; the first failed check ends the journey."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Log = Callable[[str], None]


class JourneyFailed(RuntimeError):
    """A check of a journey failed."""


def check(name: str, is_true: bool, *, found: Any = "") -> None:
    """Raise an error unless a condition is true.

    Raises:
        JourneyFailed: it is false.
    """
    if not is_true:
        raise JourneyFailed(f"{name}: {found}")


def run_journey(journey: Callable[[Log], None]) -> int:
    """Run a journey and print its log; return exit code 1 if a check failed, else 0."""
    began = time.monotonic()

    def log(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    try:
        journey(log)
    except JourneyFailed as error:
        log(f"FAILED: {error}")
        return 1
    return 0
