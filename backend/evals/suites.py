"""Start, read and cancel suites, and make one the baseline of its skill."""

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
from backend.evals.planning import SuiteResources, plan_runs
from backend.evals.replayed_job import RECORDING
from backend.evals.schemas import Numbers, SuiteCreate, SuiteRead
from backend.evals.summary import run_states, summarize
from backend.evals.tables import EvalSuite
from backend.execution.jobs.access import recordings
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import PRODUCTION, Environment
from backend.identity.tables import ApiKey
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.recordings import recorded_job
from backend.skills.skillpacks import service as skillpacks

_CLEAR_BASELINE: Final = text("""
update eval_suites set is_baseline = false
where project_id = :project_id and skillpack_id = :skillpack_id and skill_name = :skill and is_baseline
""")


async def start(
    session: AsyncSession,
    principal: Principal,
    request: SuiteCreate,
    *,
    skillpack: str,
    resources: SuiteResources,
) -> SuiteRead:
    """Run a skill of one version on its cases, and submit the first of its jobs.

    Raises:
        Missing: The skillpack, skill or version does not exist.
        NoGraders: The skill has no graders.
        NoCases: There are no cases.
        CasesUnknown: Some of the named cases do not exist.
        NothingRecorded: It replays recordings that do not exist, or that the principal may not read.
        FileNotAllowed: A case names a file of the drive that the principal may not read.
        SuiteTooLarge: It has too many runs or too large inputs.
        PaymentRequired: The wallet is empty, or a cap or a budget is used up.
    """
    # The jobs of the suite have the inputs of its cases, and the submitter of a job can read them.
    principal.require(Role.DEVELOPER, "evals:write", "evals:read", "jobs:submit")
    if principal.kind == "job":
        raise NotAllowed("A job cannot start a suite. Start it with an API key, or in the studio.")
    target = await targets.find_target(
        session, principal, skillpack=skillpack, skill=request.skill, version=request.version
    )
    _check_model(target.skill, request.model)
    await recordings.check(session, principal, request.model)
    gate = target.skill.eval_gate
    suite = EvalSuite(
        project_id=target.project_id,
        skillpack_id=target.skillpack_id,
        skill_name=target.skill.name,
        deployment_id=target.deployment_id,
        deployment_version=target.version,
        repeat=request.repeat,
        threshold=request.threshold if request.threshold is not None or gate is None else gate.threshold,
        model=request.model,
        created_by=principal.label,
        actor_kind=principal.kind,
        actor_id=principal.id,
        started_by_agent=principal.is_agent,
    )
    session.add(suite)
    await session.flush()
    await plan_runs(session, suite, target, resources, case_ids=request.case_ids, principal=principal)
    obstacle = await runner.advance(session, suite, resources)
    if isinstance(obstacle, (PaymentRequired, NotAllowed)):
        raise obstacle
    fields = {"skill": suite.skill_name, "version": suite.deployment_version, "runs": suite.total_runs}
    await audit.record(session, principal, "eval.started", f"eval:{suite.id}", **fields)
    return await view(session, suite)


async def get(session: AsyncSession, principal: Principal, suite_id: UUID) -> EvalSuite:
    """Return the suite's row.

    Raises:
        EvalNotFound: It does not exist, or the principal may not see it.
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
    """Return the suites of a skillpack, newest first.

    Raises:
        SkillpackNotFound: The skillpack does not exist.
    """
    principal.require(Role.VIEWER, "evals:read")
    pack = await skillpacks.get(session, principal, skillpack)
    query = visible(EvalSuite, principal).where(col(EvalSuite.skillpack_id) == pack.id)
    if skill is not None:
        query = query.where(col(EvalSuite.skill_name) == skill)
    before = page.time_position()
    if before is not None:
        query = query.where(tuple_(col(EvalSuite.created_at), col(EvalSuite.id)) < (before.at, before.id))
    query = query.order_by(col(EvalSuite.created_at).desc(), col(EvalSuite.id).desc())
    rows: Sequence[EvalSuite] = (await session.scalars(query.limit(page.limit + 1))).all()
    found = page.slice(rows, lambda suite: (suite.created_at, suite.id))
    return Slice([await view(session, suite) for suite in found.items], found.next_cursor)


async def cancel(session: AsyncSession, principal: Principal, suite_id: UUID) -> SuiteRead:
    """Cancel the suite and its jobs; a suite that has ended is not changed.

    Raises:
        EvalNotFound: It does not exist, or the principal may not see it.
        NotAllowed: The principal is a key of another environment.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    found = await get(session, principal, suite_id)
    principal.require_environment(await _environment_of(session, principal, found))
    query = visible(EvalSuite, principal).where(col(EvalSuite.id) == suite_id)
    suite: EvalSuite = (await session.scalars(query.with_for_update())).one()
    await session.refresh(suite)
    if suite.finished_at is None:
        await stop(session, suite, actor=principal.label)
        await audit.record(session, principal, "eval.cancelled", f"eval:{suite_id}", skill=suite.skill_name)
    return await view(session, suite)


async def create_baseline(session: AsyncSession, principal: Principal, suite_id: UUID) -> SuiteRead:
    """Make a reviewed suite the baseline, with which later versions are compared.

    Raises:
        EvalNotFound: It does not exist, or the principal may not see it.
        NotAllowed: The principal is a key of development or staging.
        NotFinished: It has not succeeded.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    principal.require_environment(PRODUCTION)  # its gates compare versions with the baseline
    suite = await get(session, principal, suite_id)
    if suite.status != "succeeded":
        raise NotFinished(
            f"The suite {str(suite_id)!r}", suite.status, "Only a suite that succeeded can be a baseline."
        )
    values = {"project_id": suite.project_id, "skillpack_id": suite.skillpack_id, "skill": suite.skill_name}
    await session.execute(_CLEAR_BASELINE, values)
    await session.refresh(suite)
    suite.is_baseline = True
    await session.flush()
    fields = {"skill": suite.skill_name, "version": suite.deployment_version}
    await audit.record(session, principal, "eval.baseline_set", f"eval:{suite_id}", **fields)
    return await view(session, suite)


async def _environment_of(session: AsyncSession, principal: Principal, suite: EvalSuite) -> Environment:
    """Return the environment of the jobs of a suite: that of the key that started it."""
    key = visible(ApiKey, principal).where(col(ApiKey.id) == suite.actor_id)
    environment: Environment | None = await session.scalar(key.with_only_columns(col(ApiKey.environment)))
    return environment or PRODUCTION


async def view(session: AsyncSession, suite: EvalSuite) -> SuiteRead:
    """Return the suite with its numbers: the final ones, or those of the runs that have ended so far."""
    if suite.summary is not None:
        numbers = Numbers.model_validate(suite.summary)
    else:
        numbers = summarize(await run_states(session, project_id=suite.project_id, suite_id=suite.id))
    fields = {name: getattr(suite, name) for name in SuiteRead.model_fields if hasattr(suite, name)}
    return SuiteRead(
        **fields,
        **numbers.model_dump(),
        workspace_id=suite.project_id,
        version=suite.deployment_version,
        gate_passed=gate_passed(suite, numbers),
    )


def gate_passed(suite: EvalSuite, numbers: Numbers) -> bool | None:
    """Return whether enough runs passed. None: there is no threshold, or the suite has not ended."""
    if suite.threshold is None or suite.finished_at is None:
        return None
    return suite.status == "succeeded" and numbers.reach(suite.threshold)


def _check_model(skill: Skill, model: str | None) -> None:
    """Reject a model that the jobs would reject, before any of them is created."""
    if model is None or (model == RECORDING and skill.is_agentic) or recorded_job(model) is not None:
        return
    if not skill.is_agentic:
        message = f"This is only for agents, and {skill.name!r} is a function. Omit it."
        raise Invalid(f"model: {message}", [Problem("model", message)])
    problem = catalog.current().problem(model)
    if problem is not None:
        raise Invalid(f"model: {problem}", [Problem("model", problem)])
