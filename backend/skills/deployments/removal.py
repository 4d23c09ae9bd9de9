"""Skills of the active version that a pushed version does not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from backend.core.errors import Problem
from backend.skills.manifest.types import Manifest

_REMOVED: Final = (
    "This skill of the active version is not in the bundle. When the new version is active, jobs that name it fail. "
    "Add the skill to the bundle, or push the bundle to a skillpack of its own."
)


def removed(active: Manifest, pushed: Manifest) -> list[str]:
    """Return the names of the skills that the pushed version removes."""
    return sorted({skill.name for skill in active.skills} - {skill.name for skill in pushed.skills})


def as_warnings(names: Iterable[str]) -> list[Problem]:
    """Return a warning for each removed skill."""
    return [Problem(name, _REMOVED) for name in names]


def named_in(warnings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the skills that a stored version has removed, by its warnings."""
    return [warning["path"] for warning in warnings if warning["message"] == _REMOVED]
