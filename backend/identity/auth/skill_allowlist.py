"""Check which skills a key may run.

An entry is `skill` of the default skillpack, `skillpack/skill`, `*/skill` of any skillpack, or `listing:slug` of the
marketplace.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from backend.core.errors import Problem
from backend.core.names import is_name

ANY: Final = "*"
LISTING: Final = "listing:"


def allows(allowlist: Collection[str], skillpack: str, skill: str, *, is_default: bool) -> bool:
    """Return whether a key with the list may run the skill of that skillpack; an empty list allows every skill."""
    if not allowlist or f"{skillpack}/{skill}" in allowlist or f"{ANY}/{skill}" in allowlist:
        return True
    return is_default and skill in allowlist


def may_name(allowlist: Collection[str], skillpack: str | None, skill: str) -> bool:
    """Return whether the list allows a skill of that name in the given skillpack, or in any.

    Call it before the skill is looked up, so that the response for a forbidden skill equals the one for a skill that
    does not exist.
    """
    if not allowlist:
        return True
    packs = {entry.rpartition("/")[0] for entry in allowlist if entry.rpartition("/")[2] == skill}
    return bool(packs) if skillpack is None else bool(packs & {"", ANY, skillpack})


def parts_of(skill: str, skillpack: str | None = None) -> tuple[str | None, str]:
    """Return the skillpack and the name that a reference means, such as `skill` or `project/skillpack/skill`."""
    within, _, name = skill.rpartition("/")
    return (within or skillpack or "").rpartition("/")[2] or None, name


def problems(allowlist: Sequence[str]) -> list[Problem]:
    """Return the problems of a list that a key shall have."""
    return [
        Problem(
            f"skill_allowlist[{at}]",
            f"{entry!r} is not the name of a skill. Write 'skill' for one of the default skillpack, 'skillpack/skill', "
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
