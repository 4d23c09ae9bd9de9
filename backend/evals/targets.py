"""Find the skill of a version that a suite runs, and its cases."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.paging import Page, Slice
from backend.evals.dataset import SuiteCase, Target, cases_of
from backend.evals.errors import NoGraders
from backend.identity.auth.principal import Principal, Role
from backend.skills.deployments.active import resolve_skill
from backend.skills.skillpacks import service as skillpacks
from backend.storage import Storage


async def find_target(
    session: AsyncSession, principal: Principal, *, skillpack: str, skill: str, version: int | None
) -> Target:
    """Return the skill of that version; without a version, of the active one.

    Raises:
        Missing: The skillpack, skill or version does not exist.
        NoGraders: It is a prompt without a skillpack.
    """
    pack = await skillpacks.get(session, principal, skillpack)
    target = await resolve_skill(session, principal, skill=skill, skillpack=str(pack.id), version=version)
    if target.deployment_id is None:
        raise NoGraders(target.skill.name)
    return Target(
        principal.project_id,
        target.skillpack_id,
        target.deployment_id,
        target.version,
        target.sha256,
        target.skill,
    )


async def list_cases(
    session: AsyncSession,
    principal: Principal,
    page: Page,
    *,
    skillpack: str,
    skill: str,
    version: int | None,
    storage: Storage,
) -> Slice[SuiteCase]:
    """Return every case that a suite would run, in its order: the dataset, then the saved cases.

    Raises:
        Missing: The skillpack, skill or version does not exist.
        NoGraders: It is a prompt without a skillpack.
    """
    principal.require(Role.VIEWER, "evals:read")
    target = await find_target(session, principal, skillpack=skillpack, skill=skill, version=version)
    cases = await cases_of(session, storage, target)
    first = page.number() or 0
    rows = list(enumerate(cases, start=1))[first : first + page.limit + 1]
    cut = page.slice(rows, lambda row: (row[0],))
    return Slice([case for _, case in cut.items], cut.next_cursor)
