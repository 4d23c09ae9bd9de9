"""Suites: started, read, cancelled, compared with later ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.paging import Page, Slice
from backend.core.errors import Invalid, NotAllowed, PaymentRequired, Problem
from backend.evals import runner, targets
from backend.evals.completion import stop
from backend.evals.errors import EvalNotFound, NotFinished
from backend.evals.planning import Means, fill
from backend.evals.replayed_job import RECORDING
from backend.evals.schemas import Numbers, SuiteCreate, SuiteRead
from backend.evals.summary import ends_of, numbers_of
from backend.evals.tables import EvalSuite
from backend.execution.jobs.access import recordings
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.recordings import recorded_job
from backend.skills.skillpacks import service as skillpacks

_NO_BASELINE: Final = text("""
update eval_suites set is_baseline = false
where project_id = :project_id and skillpack_id = :skillpack_id and skill_name = :skill and is_baseline
""")


async def start(
    session: AsyncSession, principal: Principal, asked: SuiteCreate, *, skillpack: str, means: Means
) -> SuiteRead:
    """Run a skill of one version on its cases, and submit the first of its jobs.

    Raises:
        Missing: there is no such skillpack, skill or version.
        NoGraders: nothing could judge.
        NoCases: there is nothing to run.
        CasesUnknown: some of the cases that are named are not there.
        NothingRecorded: it is to replay recordings that there are not, or that the principal may not read.
        FileNotAllowed: a case names a file of the drive that the principal may not read.
        SuiteTooLarge: it would have more runs than may be.
        PaymentRequired: the wallet is empty, or a cap or a budget is reached.
    """
    # The jobs of the suite have the inputs of its cases, and who submits a job can read it.
    principal.require(Role.DEVELOPER, "evals:write", "evals:read", "jobs:submit")
    if principal.kind == "job":
        raise NotAllowed("A job cannot start a suite. Start it with an API key, or in the studio.")
    tried = await targets.subject(
        session, principal, skillpack=skillpack, skill=asked.skill, version=asked.version
    )
    _check_model(tried.skill, asked.model)
    await recordings.check(session, principal, asked.model)
    gate = tried.skill.eval_gate
    suite = EvalSuite(
        project_id=tried.project_id,
        skillpack_id=tried.skillpack_id,
        skill_name=tried.skill.name,
        deployment_id=tried.deployment_id,
        deployment_version=tried.version,
        repeat=asked.repeat,
        threshold=asked.threshold if asked.threshold is not None or gate is None else gate.threshold,
        model=asked.model,
        created_by=principal.label,
        actor_kind=principal.kind,
        actor_id=principal.id,
        started_by_agent=principal.is_agent,
    )
    session.add(suite)
    await session.flush()
    await fill(session, suite, tried, means, case_ids=asked.case_ids, principal=principal)
    obstacle = await runner.advance(session, suite, means)
    if isinstance(obstacle, (PaymentRequired, NotAllowed)):
        raise obstacle
    facts = {"skill": suite.skill_name, "version": suite.deployment_version, "runs": suite.total_runs}
    await audit.record(session, principal, "eval.started", f"eval:{suite.id}", **facts)
    return await view(session, suite)


async def get(session: AsyncSession, principal: Principal, suite_id: UUID) -> EvalSuite:
    """The suite's row.

    Raises:
        EvalNotFound: there is none that the principal may see.
    """
    principal.require(Role.VIEWER, "evals:read")
    query = visible(EvalSuite, principal).where(col(EvalSuite.id) == suite_id)
    suite: EvalSuite | None = (await session.scalars(query)).one_or_none()
    if suite is None:
        raise EvalNotFound(suite_id)
    return suite


async def list_some(
    session: AsyncSession, principal: Principal, page: Page, *, skillpack: str, skill: str | None = None
) -> Slice[SuiteRead]:
    """The suites of a skillpack, newest first.

    Raises:
        SkillpackNotFound: there is none such.
    """
    principal.require(Role.VIEWER, "evals:read")
    pack = await skillpacks.get(session, principal, skillpack)
    query = visible(EvalSuite, principal).where(col(EvalSuite.skillpack_id) == pack.id)
    if skill is not None:
        query = query.where(col(EvalSuite.skill_name) == skill)
    below = page.moment()
    if below is not None:
        query = query.where(tuple_(col(EvalSuite.created_at), col(EvalSuite.id)) < (below.at, below.id))
    query = query.order_by(col(EvalSuite.created_at).desc(), col(EvalSuite.id).desc())
    rows: Sequence[EvalSuite] = (await session.scalars(query.limit(page.limit + 1))).all()
    found = page.slice(rows, lambda suite: (suite.created_at, suite.id))
    return Slice([await view(session, suite) for suite in found.items], found.next_cursor)


async def cancel(session: AsyncSession, principal: Principal, suite_id: UUID) -> SuiteRead:
    """End the suite and the jobs that it has; one that has ended stays as it is.

    Raises:
        EvalNotFound: there is none that the principal may see.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    await get(session, principal, suite_id)
    query = visible(EvalSuite, principal).where(col(EvalSuite.id) == suite_id)
    suite: EvalSuite = (await session.scalars(query.with_for_update())).one()
    await session.refresh(suite)
    if suite.finished_at is None:
        await stop(session, suite, who=principal.label)
        await audit.record(session, principal, "eval.cancelled", f"eval:{suite_id}", skill=suite.skill_name)
    return await view(session, suite)


async def make_baseline(session: AsyncSession, principal: Principal, suite_id: UUID) -> SuiteRead:
    """Say that somebody has looked at the suite and finds it good: later versions are compared with it.

    Raises:
        EvalNotFound: there is none that the principal may see.
        NotFinished: it has no numbers.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    suite = await get(session, principal, suite_id)
    if suite.status != "succeeded":
        raise NotFinished(
            f"The suite {str(suite_id)!r}", suite.status, "Only one that succeeded can be a baseline."
        )
    values = {"project_id": suite.project_id, "skillpack_id": suite.skillpack_id, "skill": suite.skill_name}
    await session.execute(_NO_BASELINE, values)
    await session.refresh(suite)
    suite.is_baseline = True
    await session.flush()
    facts = {"skill": suite.skill_name, "version": suite.deployment_version}
    await audit.record(session, principal, "eval.baseline_set", f"eval:{suite_id}", **facts)
    return await view(session, suite)


async def view(session: AsyncSession, suite: EvalSuite) -> SuiteRead:
    """The suite with its numbers: those of its end, else those of what has ended by now."""
    if suite.summary is not None:
        numbers = Numbers.model_validate(suite.summary)
    else:
        numbers = numbers_of(await ends_of(session, project_id=suite.project_id, suite_id=suite.id))
    facts = {name: getattr(suite, name) for name in SuiteRead.model_fields if hasattr(suite, name)}
    return SuiteRead(
        **facts,
        **numbers.model_dump(),
        workspace_id=suite.project_id,
        version=suite.deployment_version,
        gate_passed=gate_passed(suite, numbers),
    )


def gate_passed(suite: EvalSuite, numbers: Numbers) -> bool | None:
    """Whether enough runs passed; none without a threshold, and until the suite has ended."""
    if suite.threshold is None or suite.finished_at is None:
        return None
    return suite.status == "succeeded" and numbers.reach(suite.threshold)


def _check_model(skill: Skill, model: str | None) -> None:
    """What a job would refuse, before any of them is made."""
    if model is None or (model == RECORDING and skill.is_agentic) or recorded_job(model) is not None:
        return
    if not skill.is_agentic:
        message = f"This is for agentic skills, and {skill.name!r} is a function. Leave it out."
        raise Invalid(f"model: {message}", [Problem("model", message)])
    problem = catalog.current().problem(model)
    if problem is not None:
        raise Invalid(f"model: {problem}", [Problem("model", problem)])
