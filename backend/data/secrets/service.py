"""Store secrets, which users write and only jobs read.

The secrets of a project are for all of its skills. The secrets of a skillpack override them. Both may have a value of
their own for an environment, which jobs of that environment receive instead of every shared value of this name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, CompoundSelect, Integer, Select, cast, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota, Quotas
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.vault.secret_rules import check_name, check_value
from backend.core.vault.vault import Vault
from backend.data.secrets.errors import SecretMissing, TooManySecrets
from backend.data.secrets.tables import EnvironmentSecret, Secret
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
from backend.identity.environments import PRODUCTION, Environment
from backend.identity.limits.quota_check import require_quota

MAX_SECRETS = 1_000  # regardless of the quota
MAX_KIB = 384
"""For a project, and again for each skillpack, since all of them must fit into the environment of a job."""

_STORED_PER_BYTE = 4 / 3  # Fernet writes base64


@dataclass(frozen=True, slots=True)
class JobSecrets:
    """The secrets in the environment of a job."""

    values: dict[str, str] = field(repr=False)
    version: str
    """Changes whenever one of them changes."""


async def put(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    *,
    name: str,
    value: str,
    skillpack_id: UUID | None = None,
    environment: Environment | None = None,
    quotas: Quotas | None = None,
) -> datetime:
    """Set a secret of the project or of one skillpack for jobs that start from now on, and return the time.

    Without an environment, the value is for all environments that have none of their own.

    Raises:
        NotAllowed: The principal is a key of another environment.
        BadSecret: The name or the value is invalid.
        TooManySecrets: The secrets exceed the maximum number or size.
        QuotaReached: The quota of the project or the skillpack is used up.
    """
    check_name(name)
    check_value(name, value)
    principal.require_environment(environment)
    ciphertext = vault.encrypt(value)
    others = _others(principal, skillpack_id, environment, name)
    await require_quota(session, principal, Quota.SECRETS, quotas, others)
    await _check_size(session, others, ciphertext)
    at = now()
    columns = {"ciphertext": ciphertext, "updated_at": at, "updated_by": principal.label}
    table = _table(environment)
    row = insert(table).values(
        id=uuid4(),
        project_id=principal.project_id,
        skillpack_id=skillpack_id,
        name=name,
        **_in(environment),
        **columns,
    )
    owner = "project_id" if skillpack_id is None else "skillpack_id"
    is_project_wide = col(table.skillpack_id).is_(None)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[owner, *_in(environment), "name"],
            index_where=is_project_wide if skillpack_id is None else ~is_project_wide,
            set_=columns,
        )
    )
    await audit.record(session, principal, "secret.set", name, **_audit_fields(skillpack_id, environment))
    return at


async def names(
    session: AsyncSession,
    principal: Principal,
    *,
    skillpack_id: UUID | None = None,
    environment: Environment | None = None,
) -> Sequence[Secret | EnvironmentSecret]:
    """Return the secrets of the project, or of one skillpack, ordered by name. Their values stay encrypted.

    Without an environment, these are the shared ones.
    """
    query = _stored(principal, skillpack_id, environment).order_by(col(_table(environment).name))
    return (await session.scalars(query)).all()


async def delete(
    session: AsyncSession,
    principal: Principal,
    name: str,
    *,
    skillpack_id: UUID | None = None,
    environment: Environment | None = None,
) -> None:
    """Delete a secret; running jobs keep their copy.

    Raises:
        NotAllowed: The principal is a key of another environment.
        SecretMissing: There is no secret with this name.
    """
    principal.require_environment(environment)
    query = _stored(principal, skillpack_id, environment).where(col(_table(environment).name) == name)
    found = (await session.scalars(query.with_for_update())).one_or_none()
    if found is None:
        raise SecretMissing(name)
    await session.delete(found)
    await audit.record(session, principal, "secret.deleted", name, **_audit_fields(skillpack_id, environment))


async def for_job(
    session: AnySession, vault: Vault, *, project_id: UUID, skillpack_id: UUID, environment: str
) -> JobSecrets:
    """Return the secrets for a job of this skillpack in this environment.

    Values of the environment override shared ones, and within both, those of the skillpack override the project's.

    Raises:
        SecretUnreadable: One of them cannot be decrypted with the keys of this instance.
    """
    own = _of_job(EnvironmentSecret, project_id, skillpack_id).where(
        col(EnvironmentSecret.environment) == environment
    )
    query = _of_job(Secret, project_id, skillpack_id).union_all(own).order_by("precedence")
    rows = (await session.execute(query)).all()
    # Later rows override earlier ones.
    ciphertexts: dict[str, str] = {row.name: row.ciphertext for row in rows}
    version = hashlib.sha256()
    for name in sorted(ciphertexts):
        version.update(f"{name}={ciphertexts[name]}\n".encode())
    return JobSecrets(
        values={name: vault.decrypt(text) for name, text in ciphertexts.items()},
        version=version.hexdigest(),
    )


async def value_of(
    session: AnySession, vault: Vault, *, project_id: UUID, name: str, environment: Environment = PRODUCTION
) -> str | None:
    """Return the value of a secret of the project, for the instance itself; none if there is no such secret.

    The value of the environment comes before the shared one.

    Raises:
        SecretUnreadable: It cannot be decrypted with the keys of this instance.
    """
    own = _of_job(EnvironmentSecret, project_id, None).where(
        col(EnvironmentSecret.name) == name, col(EnvironmentSecret.environment) == environment
    )
    shared = _of_job(Secret, project_id, None).where(col(Secret.name) == name)
    rows = (await session.execute(shared.union_all(own).order_by("precedence"))).all()
    return vault.decrypt(rows[-1].ciphertext) if rows else None


async def all_of(session: AsyncSession, vault: Vault, *, project_id: UUID) -> list[str]:
    """Return the values of all secrets of the project and its skillpacks, to redact them in stored text.

    Raises:
        SecretUnreadable: One of them cannot be decrypted with the keys of this instance.
    """
    query = (
        select(col(Secret.ciphertext))
        .where(col(Secret.project_id) == project_id)
        .union_all(
            select(col(EnvironmentSecret.ciphertext)).where(col(EnvironmentSecret.project_id) == project_id)
        )
    )
    return [vault.decrypt(text) for text in (await session.scalars(query)).all()]


def stored_secrets(principal: Principal) -> CompoundSelect[Any]:
    """Return the query for all secrets of the project and its skillpacks, of all environments, to count them."""
    shared = visible(Secret, principal).with_only_columns(*_counted(Secret))
    return shared.union_all(
        visible(EnvironmentSecret, principal).with_only_columns(*_counted(EnvironmentSecret))
    )


def _others(
    principal: Principal, skillpack_id: UUID | None, environment: Environment | None, name: str
) -> CompoundSelect[Any]:
    """Return the query for the secrets of the project or skillpack without the one that is set, to count them."""
    parts = []
    for table, is_set in ((Secret, environment is None), (EnvironmentSecret, environment is not None)):
        query = visible(table, principal).where(_belongs_to(table, skillpack_id))
        if is_set:
            is_it: ColumnElement[bool] = col(table.name) == name
            if table is EnvironmentSecret:
                is_it &= col(EnvironmentSecret.environment) == environment
            query = query.where(~is_it)
        parts.append(query.with_only_columns(*_counted(table)))
    return parts[0].union_all(parts[1])


def _counted(table: type[Secret] | type[EnvironmentSecret]) -> tuple[Any, ...]:
    return (col(table.id), col(table.skillpack_id), func.length(col(table.ciphertext)).label("size"))


def _table(environment: Environment | None) -> type[Secret] | type[EnvironmentSecret]:
    return Secret if environment is None else EnvironmentSecret


def _in(environment: Environment | None) -> dict[str, Any]:
    """Return the column of the environment, which only values of an environment have."""
    return {} if environment is None else {"environment": environment}


def _stored(principal: Principal, skillpack_id: UUID | None, environment: Environment | None) -> Select[Any]:
    table = _table(environment)
    query = visible(table, principal).where(_belongs_to(table, skillpack_id))
    return query if environment is None else query.where(col(EnvironmentSecret.environment) == environment)


def _of_job(
    table: type[Secret] | type[EnvironmentSecret], project_id: UUID, skillpack_id: UUID | None
) -> Select[Any]:
    """Return the query for the secrets of a project and a skillpack, with the precedence of each."""
    belongs: ColumnElement[bool] = col(table.skillpack_id).is_(None)
    if skillpack_id is not None:
        belongs |= col(table.skillpack_id) == skillpack_id
    of_environment = literal(2 if table is EnvironmentSecret else 0)
    precedence = (of_environment + cast(col(table.skillpack_id).is_not(None), Integer)).label("precedence")
    columns: tuple[Any, ...] = (col(table.name), col(table.ciphertext), precedence)
    return select(*columns).where(col(table.project_id) == project_id, belongs)


async def _check_size(session: AsyncSession, others: CompoundSelect[Any], ciphertext: str) -> None:
    counted = others.subquery()
    sums = select(func.count(), func.coalesce(func.sum(counted.c.size), 0))
    count, size = (await session.execute(sums)).one()
    if count >= MAX_SECRETS or size + len(ciphertext) > MAX_KIB * 1024 * _STORED_PER_BYTE:
        raise TooManySecrets(MAX_SECRETS, MAX_KIB)


def _belongs_to(table: type[Secret] | type[EnvironmentSecret], skillpack_id: UUID | None) -> Any:
    column = col(table.skillpack_id)
    return column.is_(None) if skillpack_id is None else column == skillpack_id


def _audit_fields(skillpack_id: UUID | None, environment: Environment | None) -> dict[str, str]:
    skillpack = {} if skillpack_id is None else {"skillpack_id": str(skillpack_id)}
    return {**skillpack, **_in(environment)}
