"""How a journey is told: what came about, with its second; and what did not, which ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Tell = Callable[[str], None]


class Broken(RuntimeError):
    """Something did not come about."""


def check(what: str, is_so: bool, *, found: Any = "") -> None:
    """Go on only if it is so.

    Raises:
        Broken: it is not.
    """
    if not is_so:
        raise Broken(f"{what}: {found}")


def told_aloud(journey: Callable[[Tell], None]) -> int:
    """Print the log of a journey; 1 when something did not hold, else 0."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

    try:
        journey(tell)
    except Broken as broken:
        tell(f"BROKEN: {broken}")
        return 1
    return 0
