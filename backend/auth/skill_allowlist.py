"""Which skills a key may run: `skill` of the default skillpack, `skillpack/skill`, or `*/skill` of any skillpack; and
`listing:slug`, a listing of the marketplace.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from backend.bundles.names import is_name
from backend.errors import Problem

ANY: Final = "*"
LISTING: Final = "listing:"


def allows(allowlist: Collection[str], skillpack: str, skill: str, *, is_default: bool) -> bool:
    """Whether a key with the list may run the skill of that skillpack; an empty list allows every skill."""
    if not allowlist or f"{skillpack}/{skill}" in allowlist or f"{ANY}/{skill}" in allowlist:
        return True
    return is_default and skill in allowlist


def faults(allowlist: Sequence[str]) -> list[Problem]:
    """What is wrong with a list that somebody wants a key to have."""
    return [
        Problem(
            f"skill_allowlist[{at}]",
            f"{entry!r} names no skill. Write 'skill' for one of the default skillpack, 'skillpack/skill', or "
            "'*/skill' for that name in every skillpack, or 'listing:slug' for one of the marketplace.",
        )
        for at, entry in enumerate(allowlist)
        if not _is_possible(entry)
    ]


def _is_possible(entry: str) -> bool:
    if entry.startswith(LISTING):
        return is_name(entry.removeprefix(LISTING))
    pack, slash, skill = entry.rpartition("/")
    return is_name(skill) and (not slash or pack == ANY or is_name(pack))
