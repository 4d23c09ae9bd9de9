"""What a suite would run: the skill of a version, and its cases."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.paging import Page, Slice
from backend.evals.dataset import Given, Subject, cases_of
from backend.evals.errors import NoGraders
from backend.identity.auth.principal import Principal, Role
from backend.skills.deployments.active import resolve_skill
from backend.skills.skillpacks import service as skillpacks
from backend.storage import Storage


async def subject(
    session: AsyncSession, principal: Principal, *, skillpack: str, skill: str, version: int | None
) -> Subject:
    """The skill of that version; without one of the active.

    Raises:
        Missing: there is no such skillpack, skill or version.
        NoGraders: it is a prompt without a skillpack.
    """
    pack = await skillpacks.get(session, principal, skillpack)
    found = await resolve_skill(session, principal, skill=skill, skillpack=str(pack.id), version=version)
    if found.deployment_id is None:
        raise NoGraders(found.skill.name)
    return Subject(
        principal.project_id,
        found.skillpack_id,
        found.deployment_id,
        found.version,
        found.sha256,
        found.skill,
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
) -> Slice[Given]:
    """Every case that a suite would run, in its order: those of the dataset, then those that are kept here.

    Raises:
        Missing: there is no such skillpack, skill or version.
        NoGraders: it is a prompt without a skillpack.
    """
    principal.require(Role.VIEWER, "evals:read")
    found = await subject(session, principal, skillpack=skillpack, skill=skill, version=version)
    cases = await cases_of(session, storage, found)
    first = page.number() or 0
    rows = list(enumerate(cases, start=1))[first : first + page.limit + 1]
    cut = page.slice(rows, lambda row: (row[0],))
    return Slice([case for _, case in cut.items], cut.next_cursor)
