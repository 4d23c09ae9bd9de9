"""Read the case that a job of a suite runs, for its worker."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession

EVAL: Final = "eval"
"""The source of jobs of suites. Other callers may use it too; only jobs of suites have a row that names the case."""

_CASE: Final = text("""
select expected, has_expected from eval_runs where job_id = :job_id and project_id = :project_id
""")


class Case(NamedTuple):
    """The expected output of a run."""

    expected: Any
    has_expected: bool
    """False: nothing is expected, which differs from an expected `null`."""


async def case_of(session: AnySession, *, project_id: UUID, job_id: UUID) -> Case | None:
    """Return the case that the job runs; None if it belongs to no suite."""
    values = {"project_id": project_id, "job_id": job_id}
    row = (await session.execute(_CASE, values)).one_or_none()
    return None if row is None else Case(row.expected, row.has_expected)
