"""Read the history of the prompt of an agent, and set its labels."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import NotAllowed
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import Environment
from backend.publishing import stats
from backend.publishing.prompts.errors import (
    NoPrompts,
    PromptLabelNotFound,
    PromptNotFound,
    TooManyPromptLabels,
)
from backend.publishing.prompts.schemas import (
    PromptDeployment,
    PromptHistory,
    PromptLabelRead,
    PromptStatistics,
    PromptVersion,
    PromptVersionText,
)
from backend.skills.archives.archive import Archive
from backend.skills.deployments import environments, manifests
from backend.skills.deployments import service as deployments
from backend.skills.deployments.files import PromptRead, prompt_in
from backend.skills.prompts.indexing import index
from backend.skills.prompts.tables import NO_PROMPT, DeploymentPrompt, PromptLabel
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

PERIOD: Final = timedelta(days=30)
"""The period of the statistics."""
MAX_JOBS: Final = 2_000
"""The statistics are about the newest jobs of the period, at most this number."""
MAX_LABELS: Final = 20
"""Maximum number of labels of the prompt of one skill."""
MAX_VERSIONS: Final = 200
MAX_DEPLOYMENTS: Final = 20

_USES: Final = text("""
select p.number, p.sha256, d.id, d.version, d.kind, d.created_at, d.created_by, d.deleted_at is not null as is_deleted
from deployment_prompts p join deployments d on d.id = p.deployment_id
where p.project_id = :project_id and p.skillpack_id = :skillpack_id and p.skill_name = :skill and p.number > 0
order by p.number desc, d.created_at desc, d.id desc
""")


class _Named(NamedTuple):
    """A skill by its name in one skillpack."""

    pack: Skillpack
    skill: str


async def history(
    session: AsyncSession, principal: Principal, name: str, *, skillpack: str | None = None, storage: Storage
) -> PromptHistory:
    """Return the versions of the prompt of an agent, newest first.

    Raises:
        SkillNotFound, SkillpackNotFound: There is no such skill or skillpack.
        NoPrompts: No deployment has such an agent.
    """
    principal.require(Role.VIEWER, "deployments:read")
    named = await _named(session, principal, name, skillpack)
    is_complete = await index(session, named.pack, named.skill, storage=storage)
    since = now() - PERIOD
    return PromptHistory(
        skill=named.skill,
        skillpack=named.pack.slug,
        since=since,
        is_complete=is_complete,
        versions=await _versions(session, principal, named, since),
    )


async def read(
    session: AsyncSession,
    principal: Principal,
    name: str,
    number: int,
    *,
    skillpack: str | None = None,
    storage: Storage,
) -> PromptVersionText:
    """Return one version of the prompt of an agent with its text.

    Raises:
        SkillNotFound, SkillpackNotFound: There is no such skill or skillpack.
        NoPrompts: No deployment has such an agent.
        PromptNotFound: The prompt has no such version.
    """
    principal.require(Role.VIEWER, "deployments:read")
    named = await _named(session, principal, name, skillpack)
    await index(session, named.pack, named.skill, storage=storage)
    versions = await _versions(session, principal, named, now() - PERIOD, number)
    if not versions:
        raise PromptNotFound(named.skill, number)
    version = versions[0]
    found = PromptRead(path="", text="")
    if version.is_stored:
        found = await _text_of(session, principal, named, number, storage)
    return PromptVersionText(**dict(version), path=found.path, text=found.text if version.is_stored else None)


async def number_of(
    session: AsyncSession, principal: Principal, deployment_id: UUID, skill: str, *, storage: Storage
) -> int | None:
    """Return the version of the prompt of a skill that a deployment has; None if it has none that is known."""
    principal.require(Role.VIEWER, "deployments:read")
    found = (await deployments.by_ids(session, principal, [deployment_id])).get(deployment_id)
    if found is None:
        return None
    pack = await skillpacks.get(session, principal, str(found.skillpack_id))
    await index(session, pack, skill, storage=storage)
    query = (
        visible(DeploymentPrompt, principal)
        .where(
            col(DeploymentPrompt.deployment_id) == deployment_id, col(DeploymentPrompt.skill_name) == skill
        )
        .with_only_columns(col(DeploymentPrompt.number))
    )
    number = await session.scalar(query)
    return number or None


async def set_label(
    session: AsyncSession,
    principal: Principal,
    name: str,
    label: str,
    number: int,
    *,
    skillpack: str | None = None,
    storage: Storage,
) -> PromptLabelRead:
    """Give a version of the prompt a label, which no other version of the skill has then.

    Raises:
        SkillNotFound, SkillpackNotFound, NoPrompts: There is no such agent.
        PromptNotFound: The prompt has no such version.
        TooManyPromptLabels: The prompt has the maximum number of labels.
    """
    principal.require(Role.DEVELOPER, "deployments:write", "skills:read")
    named = await _named(session, principal, name, skillpack)
    await index(session, named.pack, named.skill, storage=storage)
    await skillpacks.lock(session, principal, str(named.pack.id))
    if number not in {row.number for row in await _uses(session, principal, named)}:
        raise PromptNotFound(named.skill, number)
    labels = await _labels(session, principal, named)
    before = labels.get(label)
    if before is None and len(labels) >= MAX_LABELS:
        raise TooManyPromptLabels(MAX_LABELS)
    row = PromptLabel(
        skillpack_id=named.pack.id,
        skill_name=named.skill,
        label=label,
        project_id=principal.project_id,
        number=number,
        updated_by=principal.label,
        updated_at=now(),
    )
    if before is not None and before.number == number:
        return _label_read(before)
    statement = insert(PromptLabel).values(**row.model_dump())
    changed = ("number", "updated_by", "updated_at")
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["skillpack_id", "skill_name", "label"],
            set_={column: getattr(statement.excluded, column) for column in changed},
        )
    )
    await audit.record(
        session,
        principal,
        "prompt.labeled",
        f"{named.pack.slug}/{named.skill}",
        label=label,
        number=number,
        before=None if before is None else before.number,
    )
    return _label_read(row)


async def delete_label(
    session: AsyncSession, principal: Principal, name: str, label: str, *, skillpack: str | None = None
) -> None:
    """Delete a label of the prompt of an agent.

    Raises:
        SkillNotFound, SkillpackNotFound: There is no such skill.
        PromptLabelNotFound: No version has the label.
    """
    principal.require(Role.DEVELOPER, "deployments:write", "skills:read")
    named = await _named(session, principal, name, skillpack)
    deletion = (
        delete(PromptLabel)
        .where(
            col(PromptLabel.project_id) == principal.project_id,
            col(PromptLabel.skillpack_id) == named.pack.id,
            col(PromptLabel.skill_name) == named.skill,
            col(PromptLabel.label) == label,
        )
        .returning(col(PromptLabel.number))
    )
    number = await session.scalar(deletion)
    if number is None:
        raise PromptLabelNotFound(named.skill, label)
    await audit.record(
        session, principal, "prompt.unlabeled", f"{named.pack.slug}/{named.skill}", label=label, number=number
    )


async def _named(session: AsyncSession, principal: Principal, name: str, skillpack: str | None) -> _Named:
    """Return the skill: in a skillpack that is named also if no version with it is active."""
    if skillpack is not None:
        pack = await skillpacks.get(session, principal, skillpack)
        return _Named(pack, name.removeprefix(f"{pack.slug}/"))
    found = await deployments.get_skill(session, principal, name)
    pack = await skillpacks.get(session, principal, str(found.skillpack_id))
    return _Named(pack, found.skill.name)


async def _uses(session: AsyncSession, principal: Principal, named: _Named) -> Sequence[Any]:
    values = {"project_id": principal.project_id, "skillpack_id": named.pack.id, "skill": named.skill}
    rows = (await session.execute(_USES, values)).all()
    if not rows:
        raise NoPrompts(named.skill, named.pack.slug)
    return rows


async def _versions(
    session: AsyncSession, principal: Principal, named: _Named, since: datetime, number: int | None = None
) -> list[PromptVersion]:
    labels: defaultdict[int, list[str]] = defaultdict(list)
    for label in (await _labels(session, principal, named)).values():
        labels[label.number].append(label.label)
    uses: defaultdict[int, list[Any]] = defaultdict(list)
    for row in await _uses(session, principal, named):
        if number in (None, row.number):
            uses[row.number].append(row)
    shown = [one for one in uses if one in labels or not _is_gone(uses[one])][:MAX_VERSIONS]
    ids = [row.id for one in shown for row in uses[one]]
    active = await environments.all_active(session, principal, named.pack)
    active_in: defaultdict[UUID | None, list[Environment]] = defaultdict(list)
    for environment, version in active.items():
        active_in[version.active_id].append(environment)
    statistics = await _statistics(session, principal, named, since)
    scores = await stats.newest_scores(session, principal, ids, named.skill)
    return [
        _version(
            one,
            uses[one],
            labels=sorted(labels[one]),
            active_in=active_in,
            statistics=None if statistics is None else statistics.get(one, _NONE),
            scores=scores,
        )
        for one in shown
    ]


_NONE: Final = PromptStatistics(jobs=0, success_rate_pct=None, p50_cost_micros=None, environments=[])


def _is_gone(uses: Sequence[Any]) -> bool:
    """Return whether only drafts had the text, and all of them are deleted: they are deleted after seven days."""
    return all(row.is_deleted and row.kind == "draft" for row in uses)


def _version(
    number: int,
    uses: Sequence[Any],
    *,
    labels: list[str],
    active_in: Mapping[UUID | None, list[Environment]],
    statistics: PromptStatistics | None,
    scores: Mapping[UUID, float | None],
) -> PromptVersion:
    first = uses[-1]
    return PromptVersion(
        number=number,
        sha256=first.sha256,
        created_at=first.created_at,
        created_by=first.created_by,
        labels=labels,
        deployments=[
            PromptDeployment(
                id=row.id,
                version=row.version,
                created_at=row.created_at,
                created_by=row.created_by,
                active_in=active_in.get(row.id, []),
            )
            for row in uses
            if not row.is_deleted
        ][:MAX_DEPLOYMENTS],
        statistics=statistics,
        eval_score=next((scores[row.id] for row in uses if scores.get(row.id) is not None), None),
        is_stored=any(not row.is_deleted for row in uses),
    )


async def _statistics(
    session: AsyncSession, principal: Principal, named: _Named, since: datetime
) -> dict[int, PromptStatistics] | None:
    """Return the statistics of the jobs that the principal can see, by the number of the prompt."""
    try:
        principal.require(Role.VIEWER, "jobs:read")
    except NotAllowed:
        return None
    jobs = (
        visible(Job, principal)
        .where(
            col(Job.skill_name) == named.skill,
            col(Job.skillpack_id) == named.pack.id,
            col(Job.created_at) >= since,
        )
        .with_only_columns(
            col(Job.deployment_id),
            col(Job.status),
            col(Job.environment),
            (col(Job.cost_micros) + col(Job.called_cost_micros)).label("cost"),
            (col(Job.usage)["label"].as_string() == "rehearsal").label("is_simulated"),
        )
        .order_by(col(Job.created_at).desc())
        .limit(MAX_JOBS)
        .subquery()
    )
    is_decided = jobs.c.status.in_(("succeeded", "failed"))
    is_paid = is_decided & jobs.c.is_simulated.is_not(True)
    query = (
        select(
            col(DeploymentPrompt.number),
            func.count().label("jobs"),
            func.count().filter(is_decided).label("decided"),
            func.count().filter(jobs.c.status == "succeeded").label("succeeded"),
            func.percentile_cont(0.5).within_group(jobs.c.cost).filter(is_paid).label("cost"),
            func.array_agg(jobs.c.environment.distinct()).label("environments"),
        )
        .join(jobs, jobs.c.deployment_id == col(DeploymentPrompt.deployment_id))
        .where(
            col(DeploymentPrompt.project_id) == principal.project_id,
            col(DeploymentPrompt.skillpack_id) == named.pack.id,
            col(DeploymentPrompt.skill_name) == named.skill,
            col(DeploymentPrompt.number) > NO_PROMPT,
        )
        .group_by(col(DeploymentPrompt.number))
    )
    return {
        row.number: PromptStatistics(
            jobs=row.jobs,
            success_rate_pct=round(100 * row.succeeded / row.decided, 1) if row.decided else None,
            p50_cost_micros=None if row.cost is None else round(row.cost),
            environments=sorted(row.environments),
        )
        for row in (await session.execute(query)).all()
    }


async def _labels(session: AsyncSession, principal: Principal, named: _Named) -> dict[str, PromptLabel]:
    query = visible(PromptLabel, principal).where(
        col(PromptLabel.skillpack_id) == named.pack.id, col(PromptLabel.skill_name) == named.skill
    )
    return {row.label: row for row in (await session.scalars(query)).all()}


async def _text_of(
    session: AsyncSession, principal: Principal, named: _Named, number: int, storage: Storage
) -> PromptRead:
    """Return the text of a version, from the newest bundle that has it."""
    uses = await _uses(session, principal, named)
    deployment_id = next(row.id for row in uses if row.number == number and not row.is_deleted)
    manifest, bundle, _ = (await manifests.of(session, [deployment_id]))[deployment_id]
    skill = manifest.find(named.skill)
    assert skill is not None  # noqa: S101 - its prompt was read before
    content = await storage.get_bundle(bundle)
    return await asyncio.to_thread(lambda: prompt_in(Archive(content), skill))


def _label_read(row: PromptLabel) -> PromptLabelRead:
    return PromptLabelRead(
        label=row.label, number=row.number, updated_by=row.updated_by, updated_at=row.updated_at
    )
