"""Display names of the authors of changes: users by their label, API keys by their name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.identity.api_keys import keys
from studio.session import Act


async def name_keys(act: Act, rows: Sequence[Any], field: str, *, is_short: bool = False) -> None:
    """Replace labels of API keys in a field of the rows by the keys' names; a key without one keeps its label.

    The label follows the name, unless `is_short`.
    """
    names = await keys.names_of(act.session, act.principal, [getattr(row, field) for row in rows])
    for row in rows:
        label = getattr(row, field)
        if label in names:
            setattr(row, field, names[label] if is_short else f"{names[label]} ({label})")
