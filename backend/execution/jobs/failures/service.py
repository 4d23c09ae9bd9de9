"""Resolve, ignore and reopen errors of failed jobs. Each decision is audited."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, NotAllowed, Problem
from backend.execution.jobs.failures.errors import FailureNotFound
from backend.execution.jobs.failures.queries import read_failure
from backend.execution.jobs.failures.schemas import FailureIgnore, FailureRead, FailureResolve
from backend.execution.jobs.failures.tables import FailureCluster, FailureState
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import Skillpack

_MAX_AUDITED: Final = 100
"""Characters of an error message in the audit log."""


async def resolve(
    session: AsyncSession, principal: Principal, signature: str, request: FailureResolve
) -> FailureRead:
    """Mark an error as resolved, until a job of a version in which it should not occur fails with it.

    Raises:
        NotAllowed: The principal may not decide about errors.
        FailureNotFound: No job of the project has failed with this error.
    """
    _require_decider(principal)
    version = await _active_version(session, principal, signature)
    if version is not None and request.fixed_in == "next":
        version += 1
    cluster = await _lock(session, principal, signature)
    cluster.fixed_in_version, cluster.ignored_until, cluster.ignored_jobs = version, None, None
    return await _decide(session, principal, cluster, "resolved", note=request.note, fixed_in_version=version)


async def ignore(
    session: AsyncSession, principal: Principal, signature: str, request: FailureIgnore
) -> FailureRead:
    """Ignore an error permanently, until a time, or for a number of further failed jobs.

    Raises:
        NotAllowed: The principal may not decide about errors.
        Invalid: The time has passed.
        FailureNotFound: No job of the project has failed with this error.
    """
    _require_decider(principal)
    until = request.until
    if until is not None and until <= now():
        message = f"{until.isoformat()} has passed. Name a time in the future, or none to ignore the error permanently."
        raise Invalid(message, [Problem("until", message)])
    cluster = await _lock(session, principal, signature)
    cluster.fixed_in_version, cluster.ignored_until, cluster.ignored_jobs = None, until, request.jobs
    shown = None if until is None else until.isoformat()
    return await _decide(
        session, principal, cluster, "ignored", note=request.note, until=shown, jobs=request.jobs
    )


async def reopen(session: AsyncSession, principal: Principal, signature: str) -> FailureRead:
    """Mark an error as open.

    Raises:
        NotAllowed: The principal may not decide about errors.
        FailureNotFound: No job of the project has failed with this error.
    """
    _require_decider(principal)
    cluster = await _lock(session, principal, signature)
    cluster.fixed_in_version, cluster.ignored_until, cluster.ignored_jobs = None, None, None
    return await _decide(session, principal, cluster, "open", note="")


def _require_decider(principal: Principal) -> None:
    principal.require(Role.DEVELOPER, "jobs:read", "jobs:write")
    if principal.confined_to is not None:
        raise NotAllowed(
            f"The state of an error is the same in all environments, and this key is of {principal.confined_to}. "
            "Use a key of production."
        )


async def _lock(session: AsyncSession, principal: Principal, signature: str) -> FailureCluster:
    query = visible(FailureCluster, principal).where(col(FailureCluster.signature) == signature)
    cluster: FailureCluster | None = (await session.scalars(query.with_for_update())).one_or_none()
    if cluster is None:
        raise FailureNotFound(signature)
    return cluster


async def _decide(
    session: AsyncSession,
    principal: Principal,
    cluster: FailureCluster,
    state: FailureState,
    *,
    note: str,
    **facts: Any,
) -> FailureRead:
    cluster.state, cluster.note, cluster.state_changed_by = state, note, principal.label
    cluster.state_changed_at = await session.scalar(select(func.clock_timestamp()))
    await session.flush()
    error = f"{cluster.error_code}: {cluster.message}"[:_MAX_AUDITED]
    action = "failure.reopened" if state == "open" else f"failure.{state}"
    facts |= {"skill": cluster.skill_name, "error": error, "note": note}
    await audit.record(session, principal, action, f"failure:{cluster.signature}", **facts)
    return await read_failure(session, principal, cluster.signature)


async def _active_version(session: AsyncSession, principal: Principal, signature: str) -> int | None:
    """Return the version that is active in production, of the skillpack of the newest job with the error."""
    newest = (
        visible(Job, principal)
        .where(col(Job.error_signature) == signature)
        .with_only_columns(col(Job.skillpack_id))
        .order_by(col(Job.created_at).desc(), col(Job.id).desc())
        .limit(1)
    )
    query: Select[Any] = (
        visible(Skillpack, principal)
        .join(Deployment, col(Deployment.id) == col(Skillpack.active_deployment_id))
        .where(col(Skillpack.id) == newest.scalar_subquery())
        .with_only_columns(col(Deployment.version))
    )
    version: int | None = await session.scalar(query)
    return version
