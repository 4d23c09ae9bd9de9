"""Define the specification of a zygote."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from workers.types import Assignment, Entrypoint


class ZygoteKey(NamedTuple):
    """Jobs with the same key can share one zygote."""

    project_id: UUID
    deployment_id: UUID | None
    skill_name: str
    secrets_version: str
    environment: Path | None
    memory_mb: int
    """The kernel's limits can only be lowered after the import."""
    network: str | tuple[str, ...] = "none"
    """The network rule of the skill: a gateway is opened for one rule."""
    workspaces_dir: Path | None = None
    """The folder of the work folders of agents, if its children use those; none: each child has its own."""
    tools: str = ""
    """The file whose functions are tools of agents; empty for the skill's own function."""


@dataclass(frozen=True, slots=True)
class ZygoteSpec:
    """Everything that is needed to start a zygote."""

    key: ZygoteKey
    entrypoint: Entrypoint
    declared_inputs: frozenset[str]
    bundle: Path
    drive: Path | None
    """The live folder of the project's drive; none if each job has a staged drive."""
    uid: int | None
    disk_mb: int
    processes: int
    variables: dict[str, str] = field(repr=False)
    """Secrets of the skill, by name."""


def spec_of(assignment: Assignment, environment: Path | None) -> ZygoteSpec:
    """Return the spec of the zygote that can run this assignment."""
    return ZygoteSpec(
        key=ZygoteKey(
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
        drive=None if assignment.has_staged_drive else assignment.drive_dir,
        uid=assignment.sandbox_uid,
        disk_mb=assignment.limits.disk_mb,
        processes=assignment.limits.processes,
        variables=dict(assignment.secrets),
    )


def tool_spec(spec: ZygoteSpec, file: str, workspaces_dir: Path) -> ZygoteSpec:
    """Return the spec of the zygote that runs the functions of one file of the bundle for agents of the same skill."""
    entrypoint = Entrypoint(spec.entrypoint.skill_dir, file, "")
    return replace(
        spec,
        key=spec.key._replace(workspaces_dir=workspaces_dir, tools=file),
        entrypoint=entrypoint,
        declared_inputs=frozenset(),
    )
