"""Which earlier job a case's replies are replayed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.evals.dataset import Given, Subject
from backend.evals.errors import NothingRecorded
from backend.identity.auth.principal import Principal
from backend.skills.model_catalog.recordings import FAMILY

RECORDING: Final = FAMILY
"""The word that stands for each case's earlier run, in the place of a model."""
MAX_SUITES: Final = 20
"""Looked through, newest first."""

_EARLIER: Final = text("""
with suites as materialized (
  select id, created_at from eval_suites
  where project_id = :project_id and skillpack_id = :skillpack_id and skill_name = :skill
    and coalesce(model, '') <> :recording
  order by created_at desc, id desc limit :most
)
select distinct on (r.case_id) r.case_id, r.job_id
from suites s join eval_runs r on r.suite_id = s.id and r.project_id = :project_id
where r.job_id is not null and r.case_id = any(:cases)
  and (cast(:key_id as uuid) is null
       or exists (select from jobs j where j.id = r.job_id and j.api_key_id = cast(:key_id as uuid)))
  and exists (select from journal_entries e where e.job_id = r.job_id and e.kind = 'reply')
order by r.case_id, s.created_at desc, r.number desc
""")
_HAS_REPLIES: Final = text("""
select j.id from jobs j
where j.id = any(:jobs) and j.project_id = :project_id
  and (cast(:key_id as uuid) is null or j.api_key_id = cast(:key_id as uuid))
  and exists (select from journal_entries e where e.job_id = j.id and e.kind = 'reply')
""")


async def recordings_of(
    session: AnySession, subject: Subject, cases: Sequence[Given], principal: Principal | None = None
) -> dict[str, UUID]:
    """The newest job of each case in which a model answered: of a suite, else the one that the case was made of.

    Args:
        session: Reads them.
        subject: What is tried.
        cases: Of which a recording is looked for.
        principal: Who asks; a key that reads its own jobs alone gets recordings of these alone.

    Raises:
        NothingRecorded: some have none.
    """
    key_id = principal.id if principal is not None and principal.sees_own_jobs_only else None
    values = {
        "key_id": key_id,
        "project_id": subject.project_id,
        "skillpack_id": subject.skillpack_id,
        "skill": subject.skill.name,
        "recording": RECORDING,
        "most": MAX_SUITES,
        "cases": [case.case_id for case in cases],
    }
    found = {row.case_id: row.job_id for row in (await session.execute(_EARLIER, values)).all()}
    made_of = {
        case.case_id: case.source_job_id
        for case in cases
        if case.case_id not in found and case.source_job_id is not None
    }
    asked = {"key_id": key_id, "project_id": subject.project_id, "jobs": list(made_of.values())}
    replayable = {row.id for row in (await session.execute(_HAS_REPLIES, asked)).all()}
    found |= {case_id: job_id for case_id, job_id in made_of.items() if job_id in replayable}
    missing = [case.case_id for case in cases if case.case_id not in found]
    if missing:
        raise NothingRecorded(missing)
    return found
