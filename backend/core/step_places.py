"""Check the place of a durable step, `BRANCH:POSITION`, which code of a tenant sends."""

from __future__ import annotations

import re
from typing import Final

_PLACE: Final = re.compile(r"[0-9./]{0,200}:[1-9][0-9]{0,6}")


def step_place(given: object) -> str | None:
    """Return the place of a durable step; None if the value is not one."""
    return given if isinstance(given, str) and _PLACE.fullmatch(given) else None
