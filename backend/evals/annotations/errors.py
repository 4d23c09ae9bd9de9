"""Errors of annotation queues."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, Problem


class AnnotationQueueNotFound(Missing):
    """The queue does not exist, or belongs to another project."""

    code = "annotation_queue_not_found"
    message = "No annotation queue {queue_id!r} in this project. List them: GET /v1/annotation-queues."
    queue_id: UUID | str


class AnnotationItemNotFound(Missing):
    """The queue has no such item."""

    code = "annotation_item_not_found"
    message = (
        "The queue has no item {item_id!r}. It may have been removed, or its job was deleted. List the items: "
        "GET /v1/annotation-queues/{{queue}}/items."
    )
    item_id: UUID | str


class AnnotationNotFound(Missing):
    """The annotation does not exist, or belongs to another project."""

    code = "annotation_not_found"
    message = "No annotation {annotation_id!r} in this project. List those of a job: GET /v1/jobs/{{job}}/annotations."
    annotation_id: UUID


class QueueNameTaken(Conflict):
    """The project has a queue of this name."""

    code = "annotation_queue_name_taken"
    message = "The project already has an annotation queue {name!r}. Choose another name."
    name: str


class TooManyQueues(Conflict):
    """The project has the maximum number of queues."""

    code = "too_many_annotation_queues"
    message = "The project has {limit} annotation queues, the maximum. Delete one that is not needed."
    limit: int


class QueueFull(Conflict):
    """The queue has the maximum number of jobs."""

    code = "annotation_queue_full"
    message = (
        "The queue can have {limit:,} jobs, and {count:,} are in it. Remove some, or create another queue."
    )
    limit: int
    count: int


class ItemClaimed(Conflict):
    """Another reviewer works on the item."""

    code = "annotation_item_claimed"
    message = "{claimed_by!r} reviews this job until {claimed_until}. Review the next one: POST …/next."
    claimed_by: str
    claimed_until: datetime


class JobsNotEnded(Conflict):
    """Only jobs that have ended can be reviewed."""

    code = "jobs_not_ended"
    message = "{count} of the jobs have not ended, such as {job_id!r}. Add them when they have ended."
    count: int
    job_id: UUID


class ScoresInvalid(Invalid):
    """Scores do not follow the rubric of the queue."""

    code = "scores_invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{problems[0].path}: {problems[0].message}", list(problems))
