"""Who acts, and for which project; the one gate of tenancy.

Every read of a tenant's table begins with `visible(Table, principal)`; a lint test refuses any other `select` of one
outside this module and the operator's own commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col

from backend.errors import NotAllowed
from backend.jobs.tables import Job


class Role(IntEnum):
    """What a member may do; each role may do what the ones below it may."""

    VIEWER = 1
    """Read everything but secrets."""
    DEVELOPER = 2
    """Deploy, run, write the drive and secrets."""
    ADMIN = 3
    """Keys, members, limits."""
    OWNER = 4
    """Delete the project."""


class Rates(NamedTuple):
    """Most requests a minute; none: what the instance says."""

    key: int | None = None
    project: int | None = None


Kind = Literal["user", "secret_key", "publishable_key", "job", "system"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts in exactly one project."""

    kind: Kind
    id: UUID
    """Of the user, the key or the job."""
    project_id: UUID
    label: str
    """How audit rows and jobs name it: `user:ada@example.org`, `key:ab12cd34`, `job:<id>`."""
    role: Role
    scopes: frozenset[str] = frozenset()
    """Of an API key; empty: all."""
    skill_allowlist: frozenset[str] = frozenset()
    """Skills that a key may run, as `skill_allowlist` reads them; empty: all."""
    daily_cap_micros: int | None = None
    rates: Rates = field(default_factory=Rates)
    """Of the key and its project."""
    is_operator: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def require(self, role: Role, scope: str) -> None:
        """Refuse unless the principal has the role and, for a key with scopes, the scope (`jobs:write`).

        Raises:
            NotAllowed: it has not.
        """
        if self.kind == "publishable_key" and scope not in PUBLISHABLE_SCOPES:
            raise NotAllowed(
                "A publishable key may only submit jobs and read its own. Use a secret key from your server.",
                scope=scope,
            )
        if self.scopes and scope not in self.scopes:
            raise NotAllowed(
                f"This key does not have the scope {scope!r}. Make a key that has it, or one without scopes.",
                scope=scope,
            )
        if self.role < role:
            raise NotAllowed(
                f"This needs the role {role.name.lower()!r} in the project; yours is {self.role.name.lower()!r}. "
                "Ask an admin of the project.",
                role=role.name.lower(),
            )


PUBLISHABLE_SCOPES = frozenset({"jobs:submit", "jobs:read"})

SCOPES = frozenset(
    {
        "jobs:submit",
        "jobs:read",
        "jobs:write",
        "approvals:read",
        "approvals:write",
        "deployments:read",
        "deployments:write",
        "evals:read",
        "evals:write",
        "drive:read",
        "drive:write",
        "secrets:read",
        "secrets:write",
        "memory:read",
        "memory:write",
        "billing:read",
        "marketplace:read",
        "marketplace:write",
        "project:read",
        "project:write",
        "webhooks:read",
        "webhooks:write",
        "schedules:read",
        "schedules:write",
    }
)
"""Every scope that a key can be limited to."""


def visible(table: Any, principal: Principal) -> Select[Any]:
    """The rows of a tenant's table that the principal may know of; the start of every query.

    A publishable key sees only the jobs that it submitted itself; a job sees only its own row and its children.
    """
    query = select(table).where(table.project_id == principal.project_id)
    if table is Job and principal.kind == "publishable_key":
        return query.where(col(Job.api_key_id) == principal.id)
    if table is Job and principal.kind == "job":
        return query.where((col(Job.id) == principal.id) | (col(Job.parent_job_id) == principal.id))
    return query
