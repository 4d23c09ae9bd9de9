"""Who acts, and for which project; the one gate of tenancy.

Every read of a tenant's table begins with `visible(Table, principal)`; a lint test refuses any other `select` of one
outside this module and the operator's own commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, select

from backend.core.errors import NotAllowed


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
    """Set by the operator."""
    own_of_project: int | None = None
    """Set by the project itself; it holds where it is less."""


AGENT_CLIENT = "puras-mcp"
"""How the MCP server names itself in `User-Agent`: an agent decides what it asks for."""

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
    scopes: frozenset[str] | None = None
    """All that a restricted key or a job can do; `None`: whatever its role allows."""
    skill_allowlist: frozenset[str] = frozenset()
    """Skills that a key may run, as `skill_allowlist` reads them; empty: all."""
    daily_cap_micros: int | None = None
    expires_at: datetime | None = None
    """When a key ends; what it does must not go on by itself behind that."""
    rates: Rates = field(default_factory=Rates)
    """Of the key and its project."""
    is_operator: bool = False
    is_agent: bool = False
    """It asks through the MCP server, so an agent decides what it asks for."""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def sees_own_jobs_only(self) -> bool:
        """Whether it reads the jobs that it submitted itself, and no others of the project."""
        if self.kind == "publishable_key":
            return True
        return self.kind == "secret_key" and self.scopes is not None and "jobs:read" not in self.scopes

    def require(self, role: Role, *scopes: str) -> None:
        """Reject the principal unless it has the role and, where it is limited to scopes, all of these.

        Raises:
            NotAllowed: It does not.
        """
        for scope in scopes:
            if self.scopes is not None and scope not in self.scopes:
                raise _missing(self.kind, scope)
        if self.role < role:
            raise NotAllowed(
                f"This needs the role {role.name.lower()!r} in the project; yours is {self.role.name.lower()!r}. "
                f"Ask {'an owner' if role is Role.OWNER else 'an admin'} of the project.",
                role=role.name.lower(),
            )


def _missing(kind: Kind, scope: str) -> NotAllowed:
    if kind == "publishable_key":
        return NotAllowed(
            "A publishable key may only submit jobs and read its own. Use a secret key from your server.",
            scope=scope,
        )
    if kind == "job":
        return NotAllowed(f"The token of a running job does not have the scope {scope!r}.", scope=scope)
    return NotAllowed(
        f"This API key is restricted and does not have the scope {scope!r}. Use a key that has it: an admin of the "
        "project creates one, or adds the scope to this key, under Settings, API keys.",
        scope=scope,
    )


def stand_in(kind: Kind, *, sees_own_only: bool) -> Principal:
    """Return a principal for any of its kind, to build a query with `visible` once, so that it stays prepared.

    Execute the query with the values `principal_id` and `project_id`.
    """
    return Principal(
        kind=kind,
        id=bindparam("principal_id", type_=Uuid),  # type: ignore[arg-type]  # stands for any id
        project_id=bindparam("project_id", type_=Uuid),  # type: ignore[arg-type]
        label="",
        role=Role.VIEWER,
        scopes=frozenset() if sees_own_only else None,
    )


class Restricted(Protocol):
    """A table of which some principals see a part of their project's rows only."""

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the rows that the principal may not know of."""


def visible(table: Any, principal: Principal) -> Select[Any]:
    """Return the rows of a tenant's table that the principal may know of; the start of every query.

    They are those of its project, less what the table itself hides from it (`Restricted`).
    """
    query = select(table).where(table.project_id == principal.project_id)
    restricted: type[Restricted] | None = table if hasattr(table, "restrict") else None
    return query if restricted is None else restricted.restrict(query, principal)
