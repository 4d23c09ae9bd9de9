"""End suites and store their numbers, so that these outlive the jobs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import logs
from backend.core.clock import now
from backend.evals.summary import run_states, summarize
from backend.evals.tables import EvalSuite
from backend.execution.jobs.cancel import cancel_by

log = logs.get(__name__)

_LIVE_JOBS: Final = text("""
select j.id from eval_runs r join jobs j on j.id = r.job_id and j.project_id = r.project_id
where r.suite_id = :suite_id and r.project_id = :project_id and j.finished_at is null
""")


async def close(
    session: AsyncSession, suite: EvalSuite, *, status: str = "succeeded", error: str = ""
) -> None:
    """End the suite with the numbers of what has run."""
    states = await run_states(session, project_id=suite.project_id, suite_id=suite.id)
    suite.summary = summarize(states).model_dump()
    suite.status, suite.error, suite.waiting_reason = status, error[:2000], ""
    suite.finished_at = now()
    await session.flush()
    log.info("eval suite ended", suite_id=str(suite.id), status=status, skill=suite.skill_name)


async def stop(session: AsyncSession, suite: EvalSuite, *, actor: str) -> None:
    """Cancel a suite that the caller has locked, and its jobs."""
    await close(session, suite, status="cancelled", error=f"Cancelled by {actor}.")
    values = {"suite_id": suite.id, "project_id": suite.project_id}
    for row in (await session.execute(_LIVE_JOBS, values)).all():
        await cancel_by(session, row.id, actor=actor)
