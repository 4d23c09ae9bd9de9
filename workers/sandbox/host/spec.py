"""What a warm parent is made for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from workers.types import Assignment, Entrypoint


class ParentKey(NamedTuple):
    """Jobs with the same key can share one warm parent."""

    project_id: UUID
    deployment_id: UUID | None
    skill_name: str
    secrets_version: str
    environment: Path | None
    memory_mb: int
    """The kernel's limits can only be lowered after the import."""
    network: str | tuple[str, ...] = "none"
    """As the skill declares it: its door is opened for one rule and keeps to it."""
    room: Path | None = None
    """The folder of the work folders of agents, when its children work in those; none: each child has its own."""
    tools: str = ""
    """The file whose functions are tools of agents; empty for the skill's own function."""


@dataclass(frozen=True, slots=True)
class ParentSpec:
    """All that one warm parent needs to know."""

    key: ParentKey
    entrypoint: Entrypoint
    declared_inputs: frozenset[str]
    bundle: Path
    drive: Path | None
    """The live folder of the project's drive; none when each job has one of its own."""
    uid: int | None
    disk_mb: int
    processes: int
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
            assignment.limits.memory_mb,
            assignment.network if isinstance(assignment.network, str) else tuple(assignment.network),
        ),
        entrypoint=assignment.entrypoint,
        declared_inputs=assignment.declared_inputs,
        bundle=assignment.bundle_dir,
        drive=None if assignment.has_own_drive else assignment.drive_dir,
        uid=assignment.sandbox_uid,
        disk_mb=assignment.limits.disk_mb,
        processes=assignment.limits.processes,
        variables=dict(assignment.secrets),
    )


def tool_spec(spec: ParentSpec, file: str, room: Path) -> ParentSpec:
    """The parent that can run the functions of a file of the bundle for agents of the same skill."""
    entrypoint = Entrypoint(spec.entrypoint.skill_dir, file, "")
    return replace(
        spec, key=spec.key._replace(room=room, tools=file), entrypoint=entrypoint, declared_inputs=frozenset()
    )
