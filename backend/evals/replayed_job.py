"""Find the earlier job from which the model's replies for a case are replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.evals.dataset import SuiteCase, Target
from backend.evals.errors import NothingRecorded
from backend.identity.auth.principal import Principal
from backend.skills.model_catalog.recordings import FAMILY

RECORDING: Final = FAMILY
"""The name that selects, instead of a model, the recorded replies of each case."""
MAX_SUITES: Final = 20
"""Suites that are searched, newest first."""

_RECORDED: Final = text("""
with suites as materialized (
  select id, created_at from eval_suites
  where project_id = :project_id and skillpack_id = :skillpack_id and skill_name = :skill
    and coalesce(model, '') <> :recording
  order by created_at desc, id desc limit :most
)
select distinct on (r.case_id) r.case_id, r.job_id
from suites s join eval_runs r on r.suite_id = s.id and r.project_id = :project_id
where r.job_id is not null and r.case_id = any(:cases)
  and (cast(:key_ids as uuid[]) is null
       or exists (select from jobs j where j.id = r.job_id and j.api_key_id = any(cast(:key_ids as uuid[]))))
  and exists (select from journal_entries e where e.job_id = r.job_id and e.kind = 'reply')
order by r.case_id, s.created_at desc, r.number desc
""")
_HAS_REPLIES: Final = text("""
select j.id from jobs j
where j.id = any(:jobs) and j.project_id = :project_id
  and (cast(:key_ids as uuid[]) is null or j.api_key_id = any(cast(:key_ids as uuid[])))
  and exists (select from journal_entries e where e.job_id = j.id and e.kind = 'reply')
""")


async def recordings_of(
    session: AnySession, target: Target, cases: Sequence[SuiteCase], principal: Principal | None = None
) -> dict[str, UUID]:
    """Return for each case its newest job with replies: of a suite, or else the job that the case was made from.

    Args:
        session: Reads the jobs.
        target: The skill that the suite runs.
        cases: The cases that need a recording.
        principal: The caller; a key that reads only its own jobs gets only their recordings.

    Raises:
        NothingRecorded: Some cases have no recording.
    """
    key_ids = principal.own_key_ids if principal is not None and principal.sees_own_jobs_only else None
    values = {
        "key_ids": key_ids,
        "project_id": target.project_id,
        "skillpack_id": target.skillpack_id,
        "skill": target.skill.name,
        "recording": RECORDING,
        "most": MAX_SUITES,
        "cases": [case.case_id for case in cases],
    }
    found = {row.case_id: row.job_id for row in (await session.execute(_RECORDED, values)).all()}
    source_jobs = {
        case.case_id: case.source_job_id
        for case in cases
        if case.case_id not in found and case.source_job_id is not None
    }
    source_values = {"key_ids": key_ids, "project_id": target.project_id, "jobs": list(source_jobs.values())}
    replayable = {row.id for row in (await session.execute(_HAS_REPLIES, source_values)).all()}
    found |= {case_id: job_id for case_id, job_id in source_jobs.items() if job_id in replayable}
    missing = [case.case_id for case in cases if case.case_id not in found]
    if missing:
        raise NothingRecorded(missing)
    return found
