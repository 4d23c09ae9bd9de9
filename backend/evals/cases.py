"""Cases that are kept here: any job that has ended becomes one, without the project's secrets."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

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
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.skillpacks import service as skillpacks

MAX_KEPT: Final = 1_000
"""Of one skill."""
MAX_EXPECTED_BYTES: Final = 1 << 20


async def keep(
    session: AsyncSession, principal: Principal, job_id: UUID, asked: CaseCreate, *, vault: Vault
) -> EvalCase:
    """Make a case of a job: its inputs, and what is expected, which is its result unless something else is given.

    Raises:
        JobNotFound: there is none that the principal may see.
        NotFinished: it still runs.
        Invalid: the expected value cannot be stored, or the job does not run a skill of the project.
        CaseIdTaken: the skill has a case of that id.
        TooManyCases: it has as many as may be.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    job = await get_row(session, principal, job_id)
    if job.status not in TERMINAL:
        raise NotFinished(f"The job {str(job_id)!r}", job.status, "Only one that has ended becomes a case.")
    if job.deployment_id is None:
        message = "A prompt without a skillpack has no graders. Make a skill of it, and keep a job of that."
        raise Invalid(f"The job cannot become a case: {message}", [Problem("job_id", message)])
    if job.publisher_id is not None:
        message = (
            "It runs the listing of another project, whose graders and code are not yours. "
            "Keep jobs of your own skills as cases."
        )
        raise Invalid(f"The job cannot become a case: {message}", [Problem("job_id", message)])
    own = await secrets.for_job(
        session, vault, project_id=principal.project_id, skillpack_id=job.skillpack_id
    )
    scrub = Scrubber(own.values.values()).scrub
    case = EvalCase(
        project_id=principal.project_id,
        skillpack_id=job.skillpack_id,
        skill_name=job.skill_name,
        case_id=asked.id or f"job-{str(job_id)[:8]}",
        inputs=scrub(job.inputs),
        tags=list(asked.tags),
        source_job_id=job_id,
        created_by=principal.label,
        **_expected(asked, job, scrub),
    )
    await _make_room(session, principal, case)
    try:
        async with session.begin_nested():
            session.add(case)
            await session.flush()
    except IntegrityError:
        raise CaseIdTaken(case.case_id) from None
    facts = {"skill": case.skill_name, "case": case.case_id, "job_id": str(job_id)}
    await audit.record(session, principal, "eval_case.kept", f"eval_case:{case.id}", **facts)
    return case


async def list_some(
    session: AsyncSession,
    principal: Principal,
    page: Page,
    *,
    skillpack: str | None = None,
    skill: str | None = None,
) -> Slice[EvalCase]:
    """The project's kept cases, newest first.

    Raises:
        SkillpackNotFound: there is none such.
    """
    principal.require(Role.VIEWER, "evals:read")
    query = visible(EvalCase, principal)
    if skillpack is not None:
        pack = await skillpacks.get(session, principal, skillpack)
        query = query.where(col(EvalCase.skillpack_id) == pack.id)
    if skill is not None:
        query = query.where(col(EvalCase.skill_name) == skill)
    below = page.moment()
    if below is not None:
        query = query.where(tuple_(col(EvalCase.created_at), col(EvalCase.id)) < (below.at, below.id))
    query = query.order_by(col(EvalCase.created_at).desc(), col(EvalCase.id).desc())
    rows = (await session.scalars(query.limit(page.limit + 1))).all()
    return page.slice(rows, lambda case: (case.created_at, case.id))


async def delete(session: AsyncSession, principal: Principal, case_id: UUID) -> None:
    """Forget a case; suites that have run it keep what they have.

    Raises:
        CaseNotFound: there is none that the principal may see.
    """
    principal.require(Role.DEVELOPER, "evals:write")
    query = visible(EvalCase, principal).where(col(EvalCase.id) == case_id)
    case: EvalCase | None = (await session.scalars(query)).one_or_none()
    if case is None:
        raise CaseNotFound(case_id)
    await session.delete(case)
    facts = {"skill": case.skill_name, "case": case.case_id}
    await audit.record(session, principal, "eval_case.deleted", f"eval_case:{case_id}", **facts)


def _expected(asked: CaseCreate, job: Job, scrub: Any) -> dict[str, Any]:
    """What was asked for, `null` being nothing; else the job's own result, if it has one."""
    if "expected" not in asked.model_fields_set:
        has_result = job.status == "succeeded"
        return {"expected": scrub(job.result), "has_expected": True} if has_result else {}
    if asked.expected is None:
        return {}
    flaw = unstorable(asked.expected)
    if flaw is not None:
        raise Invalid(f"expected: {flaw}.", [Problem("expected", f"{flaw}, which cannot be stored.")])
    if len(json.dumps(asked.expected)) > MAX_EXPECTED_BYTES:
        message = (
            f"This is over {MAX_EXPECTED_BYTES >> 20} MiB. Compare a part of it, with the grader's 'field'."
        )
        raise Invalid(f"expected: {message}", [Problem("expected", message)])
    return {"expected": scrub(asked.expected), "has_expected": True}


async def _make_room(session: AsyncSession, principal: Principal, case: EvalCase) -> None:
    others = visible(EvalCase, principal).where(
        col(EvalCase.skillpack_id) == case.skillpack_id, col(EvalCase.skill_name) == case.skill_name
    )
    count = (await session.execute(others.with_only_columns(func.count()))).scalar_one()
    if count >= MAX_KEPT:
        raise TooManyCases(MAX_KEPT)
