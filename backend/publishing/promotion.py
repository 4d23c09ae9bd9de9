"""Promote the version that is active in one environment to another one, after a review of the changes.

A promotion builds nothing: it activates the same deployment, in production through the gates of its skills.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.data.secrets import service as secrets
from backend.evals import gates
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import PRODUCTION, SOURCES, Environment
from backend.publishing import versions
from backend.publishing.errors import NothingBefore, NothingToPromote, PromotionOutdated
from backend.skills.deployments import environments
from backend.skills.deployments import service as deployments
from backend.skills.deployments.diff import Diff, diff
from backend.skills.deployments.environments import ActiveVersion
from backend.skills.deployments.errors import NothingActive
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Manifest
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

CheckState = Literal["passed", "warning", "pending"]


class Check(NamedTuple):
    """A condition of a promotion that was examined before it."""

    name: Literal["gate", "compatibility", "secrets"]
    state: CheckState
    """`pending`: the activation starts it, and waits for it."""
    message: str


class Source(NamedTuple):
    """What is promoted; by default what is active in the environment before."""

    environment: Environment | None = None
    deployment: str | None = None
    """ID or version instead of an environment."""


class ActiveIn(NamedTuple):
    """The active version of one environment."""

    environment: Environment
    active: Deployment | None
    previous: Deployment | None


class Promotion(NamedTuple):
    """What a promotion would do."""

    environment: Environment
    source: Environment | None
    head: Deployment
    base: Deployment | None
    """The version that is active now; None if there is none."""
    diff: Diff | None
    """None if nothing is active."""
    checks: Sequence[Check]


async def list_active(session: AsyncSession, principal: Principal, pack: Skillpack) -> list[ActiveIn]:
    """Return the active version of each environment."""
    principal.require(Role.VIEWER, "deployments:read")
    found = await environments.all_active(session, principal, pack)
    return [
        ActiveIn(environment, *await _both(session, principal, active))
        for environment, active in found.items()
    ]


async def review(
    session: AsyncSession,
    principal: Principal,
    environment: Environment,
    source: Source,
    *,
    skillpack: str | None = None,
    storage: Storage,
) -> Promotion:
    """Return the changes that a promotion would make, and the state of its checks.

    Raises:
        DeploymentNotFound: The deployment to promote does not exist.
        NothingActive: Nothing is active in the environment to promote from.
    """
    principal.require(Role.VIEWER, "deployments:read")
    pack = await skillpacks.get(session, principal, skillpack)
    head, origin = await _head(session, principal, pack, environment, source)
    active = await environments.active_in(session, principal, pack, environment)
    base, _ = await _both(session, principal, active)
    changes = None
    if base is not None:
        changes = await diff(
            session, principal, str(head.id), base=str(base.id), skillpack=str(pack.id), storage=storage
        )
    checks = [*_gate(head, environment), _compatibility(changes)]
    if principal.role >= Role.DEVELOPER and (principal.scopes is None or "secrets:read" in principal.scopes):
        checks.append(await _secrets(session, principal, pack, origin, environment))
    return Promotion(environment, origin, head, base, changes, checks)


async def promote(
    session: AsyncSession,
    principal: Principal,
    environment: Environment,
    source: Source,
    *,
    skillpack: str | None = None,
    expected_version: int | None = None,
    force: bool = False,
) -> Deployment:
    """Activate in the environment what is active in another one. Existing jobs keep their version.

    Args:
        session: The transaction.
        principal: Needs the permission to change versions in the environment.
        environment: Where the version becomes active.
        source: What is promoted.
        skillpack: ID or slug; by default the default skillpack.
        expected_version: The version that was reviewed. Another one is not promoted.
        force: Whether an admin skips the gates of production.

    Raises:
        NothingToPromote: The version is active there already.
        PromotionOutdated: Another version than the expected one would be promoted.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    principal.require_environment(environment)
    pack = await skillpacks.lock(session, principal, skillpack)
    head, _ = await _head(session, principal, pack, environment, source)
    if expected_version is not None and head.version != expected_version:
        raise PromotionOutdated(expected_version, head.version)
    active = await environments.active_in(session, principal, pack, environment)
    if active.active_id == head.id:
        raise NothingToPromote(head.version, environment)
    return await versions.activate(
        session, principal, str(head.id), skillpack=str(pack.id), environment=environment, force=force
    )


async def roll_back(
    session: AsyncSession,
    principal: Principal,
    environment: Environment,
    *,
    skillpack: str | None = None,
    force: bool = False,
) -> Deployment:
    """Activate the version again that was active in the environment before. Existing jobs keep their version.

    Raises:
        NothingBefore: No version was active before, or it was deleted.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    principal.require_environment(environment)
    pack = await skillpacks.lock(session, principal, skillpack)
    _, previous = await _both(
        session, principal, await environments.active_in(session, principal, pack, environment)
    )
    if previous is None:
        raise NothingBefore(environment)
    return await versions.activate(
        session, principal, str(previous.id), skillpack=str(pack.id), environment=environment, force=force
    )


async def _head(
    session: AsyncSession, principal: Principal, pack: Skillpack, target: Environment, source: Source
) -> tuple[Deployment, Environment | None]:
    if source.deployment is not None:
        return await deployments.get(session, principal, source.deployment, skillpack=str(pack.id)), None
    origin = source.environment or SOURCES[target]
    active = await environments.active_in(session, principal, pack, origin)
    head, _ = await _both(session, principal, active)
    if head is None:
        raise NothingActive(pack.slug, origin)
    return head, origin


async def _both(
    session: AsyncSession, principal: Principal, active: ActiveVersion
) -> tuple[Deployment | None, Deployment | None]:
    """Return the active and the previous version, without deleted ones."""
    found = await deployments.by_ids(session, principal, [one for one in active if one is not None])
    return found.get(active.active_id), found.get(active.previous_id)


def _gate(head: Deployment, environment: Environment) -> Iterator[Check]:
    if environment != PRODUCTION:
        return
    names = [skill.name for skill in gates.skills_with_gate(Manifest.model_validate(head.manifest))]
    if not names:
        return
    if (head.gate or {}).get("state") == "passed":
        yield Check("gate", "passed", "The eval suites of the version have passed.")
        return
    message = (
        f"The version becomes active when the eval suites of these skills have passed: {', '.join(names)}."
    )
    yield Check("gate", "pending", message)


def _compatibility(changes: Diff | None) -> Check:
    if changes is None:
        return Check("compatibility", "passed", "No version is active, so no caller depends on one.")
    breaking = sorted({change.skill for change in changes.changes if change.is_breaking})
    if not breaking:
        return Check("compatibility", "passed", "No change breaks callers of the active version.")
    return Check("compatibility", "warning", f"Changes break callers of these skills: {', '.join(breaking)}.")


async def _secrets(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    source: Environment | None,
    environment: Environment,
) -> Check:
    """Return whether the secrets that have a value in the source have one in the environment."""
    if source is None:
        return Check(
            "secrets", "passed", "The version comes from no environment whose secrets could be compared."
        )
    own = await _names(session, principal, pack, source)
    known = await _names(session, principal, pack, environment) | await _names(session, principal, pack, None)
    missing = sorted(own - known)
    if not missing:
        return Check("secrets", "passed", f"Every secret of {source} has a value in {environment}.")
    return Check("secrets", "warning", f"These secrets of {source} have no value: {', '.join(missing)}.")


async def _names(
    session: AsyncSession, principal: Principal, pack: Skillpack, environment: Environment | None
) -> set[str]:
    owners = (None, pack.id)
    found = [
        await secrets.names(session, principal, skillpack_id=owner, environment=environment)
        for owner in owners
    ]
    return {secret.name for group in found for secret in group}
