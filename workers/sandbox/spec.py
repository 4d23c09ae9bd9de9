"""What a warm parent is made for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from workers.runners import Assignment, Entrypoint


class ParentKey(NamedTuple):
    """Jobs with the same key can share one warm parent."""

    project_id: UUID
    deployment_id: UUID
    skill_name: str
    secrets_version: str
    environment: Path | None


@dataclass(frozen=True, slots=True)
class ParentSpec:
    """All that one warm parent needs to know."""

    key: ParentKey
    entrypoint: Entrypoint
    declared_inputs: frozenset[str]
    bundle: Path
    drive: Path
    uid: int | None
    variables: dict[str, str] = field(repr=False)
    """Secrets of the skill, by name."""


def spec_of(assignment: Assignment, environment: Path | None) -> ParentSpec:
    """The parent that can run this assignment."""
    return ParentSpec(
        key=ParentKey(
            assignment.project_id,
            assignment.deployment_id,
            assignment.skill_name,
            assignment.secrets_version,
            environment,
        ),
        entrypoint=assignment.entrypoint,
        declared_inputs=assignment.declared_inputs,
        bundle=assignment.bundle_dir,
        drive=assignment.drive_dir,
        uid=assignment.sandbox_uid,
        variables=dict(assignment.secrets),
    )
