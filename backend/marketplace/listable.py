"""Which skills can be offered to others, and what a new version of one changes for those who run it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from backend.bundles.dialect import file_kind
from backend.bundles.manifest import Manifest, Skill
from backend.deployments import schema_changes
from backend.errors import Problem

_SCHEMAS = ("input_schema", "output_schema")
MOST_TOLD = 100


class Difference(NamedTuple):
    """Of one version against the one before."""

    is_breaking: bool
    changes: list[dict[str, Any]]


def problems(skill: Skill) -> list[Problem]:
    """Why the skill cannot be offered; empty: it can."""
    found = []
    if skill.parent_skill is not None:
        found.append(Problem("skill", "Subskills are run by their parent alone. Offer the parent."))
    mend = "This would name files of whoever runs it, without their saying so. Take the `default` out."
    found += [Problem(place, mend) for place in _defaults(skill.input_schema, "input_schema")]
    return found


def difference(name: str, before: Manifest | None, after: Manifest) -> Difference:
    """What changed in what callers give and get; the first version changes nothing."""
    if before is None:
        return Difference(is_breaking=False, changes=[])
    changes = [
        change
        for change in schema_changes.between(before, after)
        if change.skill == name and change.place.startswith(tuple(f"{name}.{side}" for side in _SCHEMAS))
    ]
    told = [
        {"place": change.place, "message": change.message, "is_breaking": change.is_breaking}
        for change in changes[:MOST_TOLD]
    ]
    return Difference(any(change.is_breaking for change in changes), told)


def _defaults(schema: Any, place: str) -> Iterator[str]:
    """Places whose `default` could name a file."""
    if not isinstance(schema, dict):
        return
    if "default" in schema and _has_files(schema):
        yield f"{place}.default"
        return
    for key, part in schema.items():
        if isinstance(part, dict):
            yield from _defaults(part, f"{place}.{key}")
        elif isinstance(part, list):
            for number, one in enumerate(part):
                yield from _defaults(one, f"{place}.{key}[{number}]")


def _has_files(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(_has_files(part) for part in schema)
    if not isinstance(schema, dict):
        return False
    return file_kind(schema) is not None or any(_has_files(part) for part in schema.values())
