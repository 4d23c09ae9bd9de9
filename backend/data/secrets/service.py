"""Store secrets, which users write and only jobs read.

The secrets of a project are for all of its skills. The secrets of a skillpack override them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota, Quotas
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.vault.secret_rules import check_name, check_value
from backend.core.vault.vault import Vault
from backend.data.secrets.errors import SecretMissing, TooManySecrets
from backend.data.secrets.tables import Secret
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
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
    quotas: Quotas | None = None,
) -> datetime:
    """Set a secret of the project or of one skillpack for jobs that start from now on, and return the time.

    Raises:
        BadSecret: The name or the value is invalid.
        TooManySecrets: The secrets exceed the maximum number or size.
        QuotaReached: The quota of the project or the skillpack is used up.
    """
    check_name(name)
    check_value(name, value)
    ciphertext = vault.encrypt(value)
    others = visible(Secret, principal).where(_belongs_to(skillpack_id), col(Secret.name) != name)
    await require_quota(session, principal, Quota.SECRETS, quotas, others)
    await _check_size(session, others, ciphertext)
    at = now()
    columns = {"ciphertext": ciphertext, "updated_at": at, "updated_by": principal.label}
    row = insert(Secret).values(
        id=uuid4(), project_id=principal.project_id, skillpack_id=skillpack_id, name=name, **columns
    )
    owner = "project_id" if skillpack_id is None else "skillpack_id"
    is_project_wide = col(Secret.skillpack_id).is_(None)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[owner, "name"],
            index_where=is_project_wide if skillpack_id is None else ~is_project_wide,
            set_=columns,
        )
    )
    await audit.record(session, principal, "secret.set", name, **_audit_fields(skillpack_id))
    return at


async def names(
    session: AsyncSession, principal: Principal, *, skillpack_id: UUID | None = None
) -> Sequence[Secret]:
    """Return the secrets of the project, or of one skillpack, ordered by name. Their values stay encrypted."""
    query = visible(Secret, principal).where(_belongs_to(skillpack_id)).order_by(col(Secret.name))
    return (await session.scalars(query)).all()


async def delete(
    session: AsyncSession, principal: Principal, name: str, *, skillpack_id: UUID | None = None
) -> None:
    """Delete a secret; running jobs keep their copy.

    Raises:
        SecretMissing: There is no secret with this name.
    """
    query = visible(Secret, principal).where(_belongs_to(skillpack_id), col(Secret.name) == name)
    found = (await session.scalars(query.with_for_update())).one_or_none()
    if found is None:
        raise SecretMissing(name)
    await session.delete(found)
    await audit.record(session, principal, "secret.deleted", name, **_audit_fields(skillpack_id))


async def for_job(session: AnySession, vault: Vault, *, project_id: UUID, skillpack_id: UUID) -> JobSecrets:
    """Return the secrets for a job of this skillpack: the project's, overridden by the skillpack's.

    Raises:
        SecretUnreadable: One of them cannot be decrypted with the keys of this instance.
    """
    query = (
        select(col(Secret.name), col(Secret.ciphertext))
        .where(
            col(Secret.project_id) == project_id,
            col(Secret.skillpack_id).is_(None) | (col(Secret.skillpack_id) == skillpack_id),
        )
        .order_by(col(Secret.skillpack_id).is_not(None))
    )
    rows = (await session.execute(query)).all()
    # Secrets of the skillpack come last, and override those of the project.
    ciphertexts: dict[str, str] = {row.name: row.ciphertext for row in rows}
    version = hashlib.sha256()
    for name in sorted(ciphertexts):
        version.update(f"{name}={ciphertexts[name]}\n".encode())
    return JobSecrets(
        values={name: vault.decrypt(text) for name, text in ciphertexts.items()},
        version=version.hexdigest(),
    )


async def value_of(session: AnySession, vault: Vault, *, project_id: UUID, name: str) -> str | None:
    """Return the value of a secret of the project, for the instance itself; none if there is no such secret.

    Raises:
        SecretUnreadable: It cannot be decrypted with the keys of this instance.
    """
    query = select(col(Secret.ciphertext)).where(
        col(Secret.project_id) == project_id, col(Secret.skillpack_id).is_(None), col(Secret.name) == name
    )
    found = (await session.execute(query)).scalar_one_or_none()
    return None if found is None else vault.decrypt(found)


async def all_of(session: AsyncSession, vault: Vault, *, project_id: UUID) -> list[str]:
    """Return the values of all secrets of the project and its skillpacks, to redact them in stored text.

    Raises:
        SecretUnreadable: One of them cannot be decrypted with the keys of this instance.
    """
    query = select(col(Secret.ciphertext)).where(col(Secret.project_id) == project_id)
    return [vault.decrypt(text) for text in (await session.scalars(query)).all()]


async def _check_size(session: AsyncSession, others: Select[Any], ciphertext: str) -> None:
    sums = others.with_only_columns(func.count(), func.coalesce(func.sum(func.length(Secret.ciphertext)), 0))
    count, size = (await session.execute(sums)).one()
    if count >= MAX_SECRETS or size + len(ciphertext) > MAX_KIB * 1024 * _STORED_PER_BYTE:
        raise TooManySecrets(MAX_SECRETS, MAX_KIB)


def _belongs_to(skillpack_id: UUID | None) -> Any:
    column = col(Secret.skillpack_id)
    return column.is_(None) if skillpack_id is None else column == skillpack_id


def _audit_fields(skillpack_id: UUID | None) -> dict[str, str]:
    return {} if skillpack_id is None else {"skillpack_id": str(skillpack_id)}
