"""Export the annotations of a queue as CSV or as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.csv_text import csv_text, escaped
from backend.core.db.engine import Database
from backend.evals.annotations import reviews
from backend.evals.annotations.schemas import AnnotationRead
from backend.evals.annotations.tables import Annotation
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible

ExportFormat = Literal["csv", "jsonl"]
MEDIA_TYPES: Final[dict[ExportFormat, str]] = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
_PAGE_ROWS: Final = 100
_BEFORE: Final = ("job_id", "skill", "version", "status", "step")
_AFTER: Final = ("comment", "corrected_output", "reviewer", "annotated_at")


class _Row(NamedTuple):
    annotation: AnnotationRead
    skill: str
    version: int | None
    status: str


async def lines(
    database: Database,
    principal: Principal,
    queue_id: UUID,
    keys: Sequence[str],
    form: ExportFormat,
) -> AsyncIterator[str]:
    """Yield the annotations of a queue in the order of their jobs, with one transaction per page.

    Args:
        database: The database.
        principal: The caller, who may read the queue.
        queue_id: The queue.
        keys: The criteria that are columns of the CSV. JSON has all scores.
        form: The format.
    """
    if form == "csv":
        yield csv_text([(*_BEFORE, *keys, *_AFTER)])
    last: tuple[UUID, UUID] | None = None
    while True:
        async with database.transaction() as session:
            rows, last = await _page(session, principal, queue_id, last)
        if form == "csv":
            yield csv_text(_cells(row, keys) for row in rows)
        else:
            yield "".join(f"{json.dumps(_fields(row), ensure_ascii=False)}\n" for row in rows)
        if last is None:
            return


async def _page(
    session: AsyncSession, principal: Principal, queue_id: UUID, last: tuple[UUID, UUID] | None
) -> tuple[list[_Row], tuple[UUID, UUID] | None]:
    """Return the annotations after a position, and the position of the last one if there may be more."""
    query = visible(Annotation, principal).where(col(Annotation.queue_id) == queue_id)
    if last is not None:
        query = query.where(tuple_(col(Annotation.job_id), col(Annotation.id)) > last)
    query = query.order_by(col(Annotation.job_id), col(Annotation.id)).limit(_PAGE_ROWS)
    annotations = await reviews.reads(session, principal, (await session.scalars(query)).all())
    columns = (col(Job.id), col(Job.skill_name), col(Job.deployment_version), col(Job.status))
    of_jobs = visible(Job, principal).where(col(Job.id).in_({one.job_id for one in annotations}))
    jobs = {row.id: row for row in (await session.execute(of_jobs.with_only_columns(*columns))).all()}
    rows = [
        _Row(one, job.skill_name, job.deployment_version, job.status)
        for one in annotations
        if (job := jobs.get(one.job_id)) is not None
    ]
    is_full = len(annotations) == _PAGE_ROWS
    return rows, (annotations[-1].job_id, annotations[-1].id) if is_full else None


def _cells(row: _Row, keys: Sequence[str]) -> tuple[Any, ...]:
    one = row.annotation
    output = json.dumps(one.corrected_output, ensure_ascii=False) if one.has_corrected_output else ""
    before = (str(one.job_id), row.skill, row.version or "", row.status, one.step or "")
    after = (one.comment, output, one.created_by, one.updated_at.isoformat())
    return tuple(_cell(value) for value in (*before, *(one.scores.get(key, "") for key in keys), *after))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return escaped(value) if isinstance(value, str) else value


def _fields(row: _Row) -> dict[str, Any]:
    one = row.annotation
    corrected = {"corrected_output": one.corrected_output} if one.has_corrected_output else {}
    return {
        "job_id": str(one.job_id),
        "skill": row.skill,
        "version": row.version,
        "status": row.status,
        "step": one.step,
        "scores": one.scores,
        "comment": one.comment,
        **corrected,
        "reviewer": one.created_by,
        "annotated_at": one.updated_at.isoformat(),
    }
