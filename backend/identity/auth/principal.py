"""Describe who acts in a project, and restrict queries to the rows that this principal may see.

Every read of a tenant's table starts with `visible(Table, principal)`. A lint test rejects any other `select` of such
a table outside this module and the operator's commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, NamedTuple, Protocol, cast
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, bindparam, select

from backend.core.errors import NotAllowed
from backend.identity.environments import PRODUCTION, Environment


class Role(IntEnum):
    """Role of a member; each role includes the ones below it."""

    VIEWER = 1
    """Read everything but secrets."""
    DEVELOPER = 2
    """Deploy, run, write the drive and secrets."""
    ADMIN = 3
    """Keys, members, limits."""
    OWNER = 4
    """Delete the project."""


class Rates(NamedTuple):
    """Maximum requests per minute; `None`: the limit of the instance."""

    key: int | None = None
    project: int | None = None
    """Set by the operator."""
    own_of_project: int | None = None
    """Set by the project itself; it applies if it is lower."""


AGENT_CLIENT = "puras-mcp"
"""`User-Agent` of the MCP server, whose requests an agent decides on."""

Kind = Literal["user", "secret_key", "publishable_key", "job", "system"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, API key, job or the system, acting in exactly one project."""

    kind: Kind
    id: UUID
    """ID of the user, the key or the job."""
    project_id: UUID
    label: str
    """Its name in audit rows and jobs: `user:ada@example.org`, `key:ab12cd34`, `job:<id>`."""
    role: Role
    scopes: frozenset[str] | None = None
    """Scopes of a restricted key or a job; `None`: everything that its role allows."""
    skill_allowlist: frozenset[str] = frozenset()
    """Skills that a key may run, in the syntax of `skill_allowlist.py`; empty: all."""
    daily_cap_micros: int | None = None
    expires_at: datetime | None = None
    """When a key expires; work that it starts must not continue after that."""
    rates: Rates = field(default_factory=Rates)
    """Rate limits of the key and its project."""
    environment: Environment = PRODUCTION
    """Where it acts unless a request names another environment."""
    first_key_id: UUID | None = None
    """For a key that replaces another one or was replaced: the first of the keys that have replaced each other."""
    key_ids: Any = ()
    """The IDs of these keys, with its own; empty: there are no others."""
    is_operator: bool = False
    is_agent: bool = False
    """Whether the request comes through the MCP server, so that an agent decides on it."""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def sees_own_jobs_only(self) -> bool:
        """Return whether it may read only the jobs that it submitted itself."""
        if self.kind == "publishable_key":
            return True
        return self.kind == "secret_key" and self.scopes is not None and "jobs:read" not in self.scopes

    @property
    def confined_to(self) -> Environment | None:
        """Return the environment that a key of development or staging cannot leave; None: no limit.

        A key of production can administer the other environments, as it could administer the project before it had any.
        """
        is_confined = self.kind.endswith("_key") and self.environment != PRODUCTION
        return self.environment if is_confined else None

    @property
    def session_owner_id(self) -> UUID:
        """Return the ID by which the sessions of a key are found, also by the keys that replace it."""
        return self.first_key_id or self.id

    @property
    def own_key_ids(self) -> list[UUID]:
        """Return the IDs of the keys whose jobs count as those of this key."""
        return [*self.key_ids] or [self.id]

    def owns(self, key_id: Any) -> ColumnElement[bool]:
        """Return the condition that a column names this key, or one that has replaced it or that it replaces."""
        condition: ColumnElement[bool] = key_id == self.id
        if isinstance(self.key_ids, tuple):
            return condition if not self.key_ids else cast(ColumnElement[bool], key_id.in_(self.key_ids))
        return cast(ColumnElement[bool], key_id == any_(self.key_ids))

    def require_environment(self, environment: Environment | None) -> None:
        """Check that the principal may change something of an environment, or of all of them (None).

        Raises:
            NotAllowed: It is a key of another environment that is not production.
        """
        if self.confined_to not in (None, environment):
            name = "all environments" if environment is None else f"the environment {environment!r}"
            raise NotAllowed(
                f"This API key belongs to the environment {self.environment!r} and cannot change anything of {name}. "
                f"Name {self.environment!r}, or use a key of production.",
                environment=environment,
            )

    def require(self, role: Role, *scopes: str) -> None:
        """Check that the principal has the role and, if it is limited to scopes, all of these.

        Raises:
            NotAllowed: The role or a scope is missing.
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


def placeholder_principal(
    kind: Kind, *, sees_own_only: bool, environment: Environment = PRODUCTION
) -> Principal:
    """Return a placeholder for principals of a kind, to build a query with `visible` once and keep it prepared.

    Execute the query with the values of `placeholder_values`.
    """
    return Principal(
        kind=kind,
        id=bindparam("principal_id", type_=Uuid),  # type: ignore[arg-type]  # a bind parameter for the ID
        project_id=bindparam("project_id", type_=Uuid),  # type: ignore[arg-type]
        label="",
        role=Role.VIEWER,
        scopes=frozenset() if sees_own_only else None,
        key_ids=bindparam("principal_key_ids", type_=ARRAY(Uuid)),
        environment=environment,
    )


def placeholder_values(principal: Principal) -> dict[str, Any]:
    """Return the values of the parameters of a query that was built for a placeholder."""
    return {
        "project_id": principal.project_id,
        "principal_id": principal.id,
        "principal_key_ids": principal.own_key_ids,
    }


class Restricted(Protocol):
    """A table that hides some rows of a project from some of its principals."""

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the rows that the principal may not see."""


def visible(table: Any, principal: Principal) -> Select[Any]:
    """Return a query for the rows of a tenant's table that the principal may see; every query starts with it.

    It selects the rows of the principal's project, without those that the table hides from it (`Restricted`).
    """
    query = select(table).where(table.project_id == principal.project_id)
    restricted: type[Restricted] | None = table if hasattr(table, "restrict") else None
    return query if restricted is None else restricted.restrict(query, principal)
