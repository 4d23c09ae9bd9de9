"""Read statistics of versions: their unfinished jobs, and the results of their newest suites."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.paging import Page, Slice
from backend.evals.schemas import Numbers
from backend.evals.tables import EvalSuite
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible
from backend.identity.environments import Environment
from backend.skills.deployments import environments, listing
from backend.skills.deployments.listing import NEWEST_FIRST, DeploymentFilter, DeploymentSort
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack


class SkillScore(NamedTuple):
    """The result of the newest finished suite of a skill with the skill's own model."""

    skill: str
    suite_id: UUID
    mean_score: float | None
    """0 to 100."""
    pass_rate_pct: float | None


class VersionStats(NamedTuple):
    """Statistics of one version."""

    live_jobs: int
    """Jobs that have not ended, including those of other projects that run it as a listing."""
    scores: Sequence[SkillScore]
    environments: Sequence[Environment]
    """Where it is active."""


class ListedVersion(NamedTuple):
    """A version in the list of its skillpack."""

    deployment: Deployment
    skillpack: Skillpack
    stats: VersionStats


async def list_versions(
    session: AsyncSession,
    principal: Principal,
    page: Page,
    filters: DeploymentFilter | None = None,
    *,
    skillpack: str | None = None,
    sort: DeploymentSort = NEWEST_FIRST,
) -> Slice[ListedVersion]:
    """Return a page of the versions of a skillpack with their statistics; without one, of the default skillpack.

    Raises:
        SkillpackNotFound: The project has no such skillpack.
        Invalid: The cursor is not one of a list in this order.
    """
    found = await listing.list_page(session, principal, page, filters, skillpack=skillpack, sort=sort)
    pack = await skillpacks.get(session, principal, skillpack)
    return Slice(await with_stats(session, principal, pack, found.items), found.next_cursor)


async def with_stats(
    session: AsyncSession, principal: Principal, pack: Skillpack, deployments: Sequence[Deployment]
) -> list[ListedVersion]:
    """Return versions of a skillpack with their statistics."""
    ids = [deployment.id for deployment in deployments]
    live = await _live_jobs(session, principal, ids)
    scores = await _scores(session, principal, ids)
    active = await environments.all_active(session, principal, pack)
    return [
        ListedVersion(
            one,
            pack,
            VersionStats(
                live.get(one.id, 0),
                scores.get(one.id, ()),
                environments.names_of(active, one),
            ),
        )
        for one in deployments
    ]


async def newest_scores(
    session: AsyncSession, principal: Principal, ids: Sequence[UUID], skill: str
) -> dict[UUID, float | None]:
    """Return the mean score of the newest suite of a skill in each deployment that has one."""
    found = await _scores(session, principal, ids)
    return {
        deployment_id: score.mean_score
        for deployment_id, scores in found.items()
        for score in scores
        if score.skill == skill
    }


async def _live_jobs(session: AsyncSession, principal: Principal, ids: Sequence[UUID]) -> dict[UUID, int]:
    query = (
        select(col(Job.deployment_id), func.count())
        .where(
            col(Job.deployment_id).in_(ids),
            (col(Job.project_id) == principal.project_id) | (col(Job.publisher_id) == principal.project_id),
            col(Job.finished_at).is_(None),
        )
        .group_by(col(Job.deployment_id))
    )
    return {
        deployment_id: count
        for deployment_id, count in (await session.execute(query)).all()
        if deployment_id is not None
    }


async def _scores(
    session: AsyncSession, principal: Principal, ids: Sequence[UUID]
) -> dict[UUID, list[SkillScore]]:
    suites = visible(EvalSuite, principal).where(
        col(EvalSuite.deployment_id).in_(ids),
        col(EvalSuite.status) == "succeeded",
        col(EvalSuite.model).is_(None),
    )
    newest = suites.ext(distinct_on(col(EvalSuite.deployment_id), col(EvalSuite.skill_name))).order_by(
        col(EvalSuite.deployment_id), col(EvalSuite.skill_name), col(EvalSuite.created_at).desc()
    )
    found: defaultdict[UUID, list[SkillScore]] = defaultdict(list)
    for suite in (await session.scalars(newest)).all():
        numbers = Numbers.model_validate(suite.summary)
        score = SkillScore(suite.skill_name, suite.id, numbers.mean_score, numbers.pass_rate_pct)
        found[suite.deployment_id].append(score)
    return found
