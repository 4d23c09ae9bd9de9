"""Requests and responses of the routes of annotation queues."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import Field, StrictBool, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.execution.jobs.view_filters import JobViewFilters

MAX_COMMENT_CHARACTERS: Final = 10_000
MAX_JOBS_PER_REQUEST: Final = 1_000
MAX_CRITERIA: Final = 10
_MIN_CATEGORIES: Final = 2

ItemStatus = Literal["pending", "done", "skipped"]
ScoreKind = Literal["score", "yes_no", "category"]
QueueName = Annotated[Text, Field(min_length=1, max_length=200)]
Instructions = Annotated[Text, Field(max_length=10_000)]
StepName = Annotated[Text, Field(min_length=1, max_length=200)]
Score = StrictBool | Annotated[float, Field(allow_inf_nan=False)] | Annotated[Text, Field(max_length=100)]


class Criterion(RequestBody):
    """One value of a rubric, which reviewers give for each job."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Its name in annotations and exports: `accuracy`."""
    label: Annotated[Text, Field(min_length=1, max_length=100)]
    """What reviewers read: `Accuracy`."""
    kind: ScoreKind = "score"
    """`score`: a number from 0 to 1. `yes_no`: `true` or `false`. `category`: one of `categories`."""
    description: Annotated[Text, Field(max_length=1_000)] = ""
    """How to choose the value."""
    categories: list[Annotated[Text, Field(min_length=1, max_length=100)]] = Field(default=[], max_length=20)
    """The possible values of a category; at least two."""
    required: bool = True
    """Whether a review is incomplete without it."""

    @model_validator(mode="after")
    def _require_categories(self) -> Self:
        is_category = self.kind == "category"
        if is_category and len(set(self.categories)) < max(_MIN_CATEGORIES, len(self.categories)):
            raise ValueError("A criterion of the kind `category` needs at least two different `categories`")
        if not is_category and self.categories:
            raise ValueError("Only a criterion of the kind `category` has `categories`")
        return self


Rubric = Annotated[list[Criterion], Field(min_length=1, max_length=MAX_CRITERIA)]


class _WithRubric(RequestBody):
    @model_validator(mode="after")
    def _require_unique_keys(self) -> Self:
        keys = [one.key for one in getattr(self, "rubric", None) or ()]
        if len(keys) != len(set(keys)):
            raise ValueError("Each criterion of the rubric needs another `key`")
        return self


class AnnotationQueueCreate(_WithRubric):
    """A new annotation queue."""

    name: QueueName
    """Unique in the project."""
    instructions: Instructions = ""
    """What reviewers should know, as Markdown."""
    filter: JobViewFilters | None = None
    """Ended jobs that match are added: up to 1,000 present ones, the newest first, and all later ones. `null`: jobs are
    only added by hand. The fields are those of the query of `GET /v1/jobs`."""
    rubric: Rubric


class AnnotationQueueUpdate(_WithRubric):
    """Changes of an annotation queue. Annotations keep the values of former criteria."""

    name: QueueName | None = None
    instructions: Instructions | None = None
    filter: JobViewFilters | None = None
    """`null`: no further jobs are added. Jobs that are in the queue stay there."""
    rubric: Rubric | None = None


class AnnotationQueueRead(Schema):
    """An annotation queue and its progress."""

    id: UUID
    name: str
    instructions: str
    filter: JobViewFilters | None
    rubric: list[Criterion]
    pending: int
    """Number of jobs that are to be reviewed."""
    claimed: int
    """Number of them that reviewers work on."""
    done: int
    skipped: int
    created_by: str
    created_at: datetime
    updated_at: datetime


class AnnotationItemsCreate(RequestBody):
    """Jobs to add to a queue."""

    job_ids: list[UUID] = Field(min_length=1, max_length=MAX_JOBS_PER_REQUEST)
    """IDs of jobs that have ended."""


class AnnotationItemsAdded(Schema):
    """The result of adding jobs to a queue."""

    added: int
    already_in_queue: int


class AnnotationItemRead(Schema):
    """A job in an annotation queue."""

    id: UUID
    number: int
    """The position in the queue: lower numbers are first."""
    queue_id: UUID
    job_id: UUID
    status: ItemStatus
    added_by: str
    """The user or API key that added it, or `filter`."""
    added_at: datetime
    claimed_by: str | None
    """The reviewer who works on it; `null`: none."""
    claimed_until: datetime | None
    completed_by: str | None
    completed_at: datetime | None


class AnnotationClaim(RequestBody):
    """Which job to review next."""

    after: int | None = Field(default=None, ge=0, le=2**63 - 1)
    """The number of the present item: the next one follows it, or is the first if none follows."""


class AnnotationNext(Schema):
    """The job that the caller reviews next."""

    item: AnnotationItemRead | None
    """`null`: no job is pending, or other reviewers work on all of them."""


class AnnotationPut(RequestBody):
    """A review of a job, or of a step of it."""

    scores: dict[str, Score] = Field(default={}, max_length=MAX_CRITERIA)
    """A value for each criterion of the rubric, by its key: `{"accuracy": 0.8, "polite": true}`."""
    comment: Annotated[Text, Field(max_length=MAX_COMMENT_CHARACTERS)] = ""
    corrected_output: Any = None
    """The output that the job should have had, at most 1 MiB. Omitted: the output is not corrected."""
    step: StepName | None = None
    """The step that it is about: its number for an agent, its name for a flow or a function. `null`: the whole job."""
    complete: bool = True
    """Whether the review of the job is complete. A review of a step completes nothing."""


class AnnotationRead(Schema):
    """A review of a job, or of a step of it."""

    id: UUID
    job_id: UUID
    queue_id: UUID | None
    """`null`: the queue was deleted."""
    queue: str
    """The name of the queue; empty: it was deleted."""
    step: str | None
    """`null`: the whole job."""
    scores: dict[str, Any]
    labels: dict[str, str]
    """The label of each criterion of the queue, by its key."""
    comment: str
    corrected_output: Any
    has_corrected_output: bool
    """False: the output is not corrected, which differs from a corrected `null`."""
    created_by: str
    created_at: datetime
    updated_at: datetime


class AnnotationCasesCreate(RequestBody):
    """Which reviewed jobs become eval cases."""

    tags: list[Annotated[Text, Field(min_length=1, max_length=64)]] = Field(default=[], max_length=20)
    include_uncorrected: bool = False
    """Also save jobs without a corrected output, with their own result as the expected output."""
    after: int | None = Field(default=None, ge=0, le=2**63 - 1)
    """`next_after` of the previous response, to continue."""


class AnnotationCaseRejected(Schema):
    """A reviewed job that cannot become an eval case."""

    job_id: UUID
    code: str
    detail: str


class AnnotationCasesCreated(Schema):
    """The result of saving reviewed jobs as eval cases."""

    created: int
    existing: int
    """Number of jobs that are eval cases already."""
    uncorrected: int
    """Number of jobs without a corrected output, which were left out."""
    rejected: list[AnnotationCaseRejected]
    next_after: int | None
    """Send it as `after` to continue; `null`: all reviewed jobs were read."""
