"""Read the revisions of this release from its files, since importing Alembic would take a second of each start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_BEFORE: Final = re.compile(r'^down_revision = "(\w+)"', re.MULTILINE)


def outdated() -> frozenset[str]:
    """Return the revisions of this release that are older than its newest one."""
    before: set[str] = set()
    for file in (Path(__file__).parent / "versions").glob("*.py"):
        if (found := _BEFORE.search(file.read_text(encoding="utf-8"))) is not None:
            before.add(found[1])
    return frozenset(before)
