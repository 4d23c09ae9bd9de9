"""Compute the state of failure clusters from the last decision about them and the jobs that have failed since.

It is computed when it is read, so that the end of a job writes nothing for it. For each cluster that a user has
resolved or ignored, this reads one entry of `ix_jobs_project_id_error_signature`, or as many as the decision names.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from backend.execution.jobs.failures.tables import FailureCluster
from backend.execution.jobs.tables import Job

_LATER = aliased(Job, name="later")
"""A job that was submitted after the decision about its error."""
_RETURNED = aliased(Job, name="returned")
"""The one of them that has opened the cluster again."""


def returned_at() -> ColumnElement[datetime | None]:
    """Return when the job ended that has opened a cluster again after the decision about it; null: none has.

    For a resolved error, it is the first job of a version in which the error should not occur; for an ignored one, the
    last one of the number of jobs for which it is ignored.
    """
    first_fixed = col(FailureCluster.fixed_in_version)
    # Only the ID, which is in the index, so that the rows of the jobs before it are not read.
    job_id = (
        select(col(_LATER.id))
        .where(
            or_(col(FailureCluster.state) == "resolved", col(FailureCluster.ignored_jobs).is_not(None)),
            col(_LATER.project_id) == col(FailureCluster.project_id),
            col(_LATER.error_signature) == col(FailureCluster.signature),
            col(_LATER.created_at) > col(FailureCluster.state_changed_at),
            or_(first_fixed.is_(None), col(_LATER.deployment_version) >= first_fixed),
        )
        .order_by(col(_LATER.created_at), col(_LATER.id))
        .offset(func.coalesce(col(FailureCluster.ignored_jobs), 1) - 1)
        .limit(1)
        .correlate(FailureCluster)
        .scalar_subquery()
    )
    query = select(col(_RETURNED.finished_at)).where(
        col(_RETURNED.project_id) == col(FailureCluster.project_id), col(_RETURNED.id) == job_id
    )
    return query.correlate(FailureCluster).scalar_subquery()


def current(returned: Any) -> ColumnElement[str]:
    """Return the state of a cluster; `returned` is the column with its `returned_at`."""
    until = col(FailureCluster.ignored_until)
    is_open = or_(
        returned.is_not(None),
        and_(col(FailureCluster.state) == "ignored", func.coalesce(until <= func.now(), literal(False))),
    )
    return case((is_open, "open"), else_=col(FailureCluster.state))
