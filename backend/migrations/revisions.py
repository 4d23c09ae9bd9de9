"""Read the revisions of this release from its files, since importing Alembic would take a second of each start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_REVISION: Final = re.compile(r'^revision = "(\w+)"', re.MULTILINE)
_BEFORE: Final = re.compile(r'^down_revision = "(\w+)"', re.MULTILINE)


def newest() -> str:
    """Return the revision that this release needs."""
    found = known() - outdated()
    if len(found) != 1:
        raise RuntimeError(
            f"The package contains {len(found)} newest migrations: its installation is incomplete."
        )
    return next(iter(found))


def known() -> frozenset[str]:
    """Return the revisions of databases that this release can migrate."""
    return frozenset(_chain())


def outdated() -> frozenset[str]:
    """Return the revisions of this release that are older than its newest one."""
    return frozenset(before for before in _chain().values() if before is not None)


@cache
def _chain() -> Mapping[str, str | None]:
    """Return the revision before each revision."""
    chain: dict[str, str | None] = {}
    for file in (Path(__file__).parent / "versions").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        if (revision := _REVISION.search(text)) is not None:
            before = _BEFORE.search(text)
            chain[revision[1]] = None if before is None else before[1]
    return chain
