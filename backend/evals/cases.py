"""Save jobs that have ended as cases of their skills, without the project's secrets."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core import ids
from backend.core.db.paging import Page, Slice
from backend.core.errors import Invalid, Problem
from backend.core.schemas import unstorable
from backend.core.vault.vault import Vault
from backend.data.secrets import service as secrets
from backend.data.secrets.scrub import Scrubber
from backend.evals.errors import CaseIdTaken, CaseNotFound, NotFinished, TooManyCases
from backend.evals.schemas import CaseCreate
from backend.evals.tables import EvalCase
from backend.execution.jobs.queries import get_row
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.tables import Job
from backend.execution.journal import turns
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.skillpacks import service as skillpacks

MAX_SAVED: Final = 1_000
"""Maximum of one skill."""
MAX_EXPECTED_BYTES: Final = 1 << 20


async def save(
    session: AsyncSession, principal: Principal, job_id: UUID, request: CaseCreate, *, vault: Vault
) -> EvalCase:
    """Create a case from a job: its inputs, the conversation that it continued, and its result as the expected output.

    The request can have another expected output.

    Raises:
        JobNotFound: It does not exist, or the principal may not see it.
        NotAllowed: The principal is a key of development or staging.
        NotFinished: The job has not ended.
        Invalid: The expected value cannot be stored, or the job does not run a skill of the project.
        CaseIdTaken: The skill has a case with this ID.
        TooManyCases: The skill has the maximum number of cases.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    principal.require_environment(None)  # the gates of production run all cases
    job = await get_row(session, principal, job_id)
    if job.status not in TERMINAL:
        raise NotFinished(
            f"The job {str(job_id)!r}", job.status, "Only a job that has ended can become a case."
        )
    if job.deployment_id is None:
        message = (
            "A prompt without a skillpack has no graders. Create a skill with it, and save one of its jobs."
        )
        raise Invalid(f"The job cannot become a case: {message}", [Problem("job_id", message)])
    if job.publisher_id is not None:
        message = (
            "It runs the listing of another project, whose code and graders you cannot use. "
            "Save jobs of your own skills as cases."
        )
        raise Invalid(f"The job cannot become a case: {message}", [Problem("job_id", message)])
    job_secrets = await secrets.for_job(
        session,
        vault,
        project_id=principal.project_id,
        skillpack_id=job.skillpack_id,
        environment=job.environment,
    )
    scrub = Scrubber(job_secrets.values.values()).scrub
    turn = await turns.of_job(session, principal.project_id, job_id)
    case = EvalCase(
        project_id=principal.project_id,
        skillpack_id=job.skillpack_id,
        skill_name=job.skill_name,
        case_id=request.id or f"job-{ids.short(job_id)}",
        inputs=scrub(job.inputs),
        conversation=None if turn is None else scrub(turn.as_dict()),
        tags=list(request.tags),
        source_job_id=job_id,
        created_by=principal.label,
        **_expected(request, job, scrub),
    )
    await _check_count(session, principal, case)
    try:
        async with session.begin_nested():
            session.add(case)
            await session.flush()
    except IntegrityError:
        raise CaseIdTaken(case.case_id) from None
    fields = {"skill": case.skill_name, "case": case.case_id, "job_id": str(job_id)}
    await audit.record(session, principal, "eval_case.kept", f"eval_case:{case.id}", **fields)
    return case


async def list_some(
    session: AsyncSession,
    principal: Principal,
    page: Page,
    *,
    skillpack: str | None = None,
    skill: str | None = None,
) -> Slice[EvalCase]:
    """Return the project's saved cases, newest first.

    Raises:
        SkillpackNotFound: The skillpack does not exist.
    """
    principal.require(Role.VIEWER, "evals:read")
    query = visible(EvalCase, principal)
    if skillpack is not None:
        pack = await skillpacks.get(session, principal, skillpack)
        query = query.where(col(EvalCase.skillpack_id) == pack.id)
    if skill is not None:
        query = query.where(col(EvalCase.skill_name) == skill)
    before = page.time_position()
    if before is not None:
        query = query.where(tuple_(col(EvalCase.created_at), col(EvalCase.id)) < (before.at, before.id))
    query = query.order_by(col(EvalCase.created_at).desc(), col(EvalCase.id).desc())
    rows = (await session.scalars(query.limit(page.limit + 1))).all()
    return page.slice(rows, lambda case: (case.created_at, case.id))


async def delete(session: AsyncSession, principal: Principal, case_id: UUID) -> None:
    """Delete a case; suites that have run it are not changed.

    Raises:
        CaseNotFound: It does not exist, or the principal may not see it.
        NotAllowed: The principal is a key of development or staging.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    principal.require_environment(None)
    query = visible(EvalCase, principal).where(col(EvalCase.id) == case_id)
    case: EvalCase | None = (await session.scalars(query)).one_or_none()
    if case is None:
        raise CaseNotFound(case_id)
    await session.delete(case)
    fields = {"skill": case.skill_name, "case": case.case_id}
    await audit.record(session, principal, "eval_case.deleted", f"eval_case:{case_id}", **fields)


def _expected(request: CaseCreate, job: Job, scrub: Any) -> dict[str, Any]:
    """Return the requested value, where `null` means none; otherwise the result of the job, if it has one."""
    if "expected" not in request.model_fields_set:
        has_result = job.status == "succeeded"
        return {"expected": scrub(job.result), "has_expected": True} if has_result else {}
    if request.expected is None:
        return {}
    problem = unstorable(request.expected)
    if problem is not None:
        raise Invalid(f"expected: {problem}.", [Problem("expected", f"{problem}, which cannot be stored.")])
    if len(json.dumps(request.expected)) > MAX_EXPECTED_BYTES:
        message = (
            f"This is over {MAX_EXPECTED_BYTES >> 20} MiB. Compare a part of it, with the grader's 'field'."
        )
        raise Invalid(f"expected: {message}", [Problem("expected", message)])
    return {"expected": scrub(request.expected), "has_expected": True}


async def _check_count(session: AsyncSession, principal: Principal, case: EvalCase) -> None:
    others = visible(EvalCase, principal).where(
        col(EvalCase.skillpack_id) == case.skillpack_id, col(EvalCase.skill_name) == case.skill_name
    )
    count = (await session.execute(others.with_only_columns(func.count()))).scalar_one()
    if count >= MAX_SAVED:
        raise TooManyCases(MAX_SAVED)
