"""Errors of jobs."""

from __future__ import annotations

from dataclasses import KW_ONLY
from datetime import datetime
from typing import Literal
from uuid import UUID

from backend.core.errors import Conflict, Missing, NotAllowed, PaymentRequired, TooMany, field
from backend.money.pricing import dollars

QUEUE_RETRY_AFTER_S = 5
"""When a full queue may accept jobs again. This is a guess, since the duration of its jobs is unknown."""


class JobNotFound(Missing):
    """The job does not exist, or belongs to another project."""

    code = "job_not_found"
    message = "No job {job_id!r} in this project. List the project's jobs to find it."
    job_id: UUID | str


class KernelNotReplayed(Conflict):
    """The job is the kernel of a notebook, which has no inputs to replay."""

    code = "kernel_not_replayed"
    message = "The kernel of a notebook cannot be replayed. Open its notebook and run the cells again."
    job_id: UUID


class FlowStepNotReplayed(Conflict):
    """The job runs a step `prompt` or `python` of a flow, which only its flow can start."""

    code = "flow_step_not_replayed"
    message = (
        "The job {job_id!r} runs a prompt or a function of a flow, which only the flow can start. Replay the flow: "
        "POST /v1/jobs/{flow_job_id}/replay."
    )
    job_id: UUID
    flow_job_id: UUID | None


class JobAlreadyEnded(Conflict):
    """The job has ended and cannot be changed."""

    code = "job_already_ended"

    def __init__(self, job_id: UUID, status: str) -> None:
        super().__init__(
            f"Job {str(job_id)!r} has already {status}. Replay it to run it again.",
            job_id=str(job_id),
            status=status,
        )


class WalletEmpty(PaymentRequired):
    """The wallet of the project has no available credit."""

    code = "wallet_empty"
    balance_micros: int
    reserved_micros: int

    def describe(self) -> str:
        """Return the message."""
        return (
            f"The project's wallet is empty: {dollars(self.balance_micros - self.reserved_micros)} are "
            "available, and this job may cost something. Add credit, then submit the job again."
        )


class TooManyQueuedJobs(TooMany):
    """The project has the maximum number of queued jobs."""

    code = "too_many_queued_jobs"
    used: int
    limit: int
    retry_after_s: int = QUEUE_RETRY_AFTER_S

    def describe(self) -> str:
        """Return the message."""
        return (
            f"{self.used:,} jobs of this project are queued; the limit is {self.limit:,}. Submit again "
            "later, cancel some jobs, or ask the operator to raise the limit: `puras-studio project limits "
            f"PROJECT --queued-jobs {2 * self.used or 1}`."
        )


class TooManyLaterJobs(TooMany):
    """The project has the maximum number of jobs with a later `run_at`."""

    code = "too_many_later_jobs"
    used: int
    limit: int
    retry_after_s: int = QUEUE_RETRY_AFTER_S

    def describe(self) -> str:
        """Return the message."""
        return (
            f"{self.used:,} jobs of this project wait for their `run_at`; the limit is {self.limit:,}. "
            "Cancel some, submit this one closer to its `run_at`, create a schedule for recurring jobs, or "
            "ask the operator to raise the limit: `puras-studio project limits PROJECT --later-jobs "
            f"{2 * self.used or 1}`."
        )


class KeyCapReached(PaymentRequired):
    """The API key has reached its daily spend limit."""

    code = "key_cap_reached"
    key: str
    _: KW_ONLY
    spent_micros: int
    cap_micros: int
    resets_at: datetime

    def describe(self) -> str:
        """Return the message."""
        return (
            f"The key {self.key!r} may spend {dollars(self.cap_micros)} a day, and its jobs have spent or "
            f"reserved {dollars(self.spent_micros)} today. The spending limit resets at "
            f"{self.resets_at:%Y-%m-%d %H:%M} UTC; submit the job again after that, or with a key that has "
            "a higher limit."
        )


class LaneNotGranted(NotAllowed):
    """The project may not use workers of this lane."""

    code = "lane_not_granted"
    message = (
        "This project may not use the lane {lane!r}. The operator can grant it: `puras-studio project lane "
        "PROJECT {lane}`."
    )
    lane: str


class ApiKeyEnded(Conflict):
    """The API key that submitted the job was revoked or expired before the job started."""

    code = "api_key_ended"
    key_ended: Literal["revoked", "expired"] = field(in_body=False)

    def describe(self) -> str:
        """Return the message."""
        verb = "was revoked" if self.key_ended == "revoked" else "expired"
        return (
            f"The API key that submitted this job {verb} before the job started, so it did not run and cost nothing. "
            "Replay it with a valid key, or as a member of the project."
        )


class CalledSkillNotOnKey(NotAllowed):
    """An agent calls a skill that neither the key of the job nor the calling skill names."""

    code = "called_skill_not_on_key"
    message = (
        "The key that submitted this job may not run {skill!r}, and {caller!r} does not declare it. The author of "
        "{caller!r} can declare it in skill.yaml (`tools: [{{name: …, skill: {skill}}}]`), or the job can be "
        "submitted with a key that may run it. Do the work without this call."
    )
    skill: str
    caller: str = field(in_body=False)


class RunAtNotOnKey(NotAllowed):
    """A publishable key cannot submit a job for later."""

    code = "run_at_not_on_key"
    message = (
        "A publishable key cannot submit jobs for later. Omit `run_at`, or use a secret key from your server."
    )


class EnvironmentNotOnKey(NotAllowed):
    """The key or the job belongs to another environment than the one that the request names."""

    code = "environment_not_on_key"
    message = (
        "This key runs jobs in the environment {own!r} only, and the request is for {requested!r}. Use a key of "
        "{requested!r}, or omit the environment."
    )
    requested: str
    own: str


class PromptNotOnKey(NotAllowed):
    """The key is limited to named skills."""

    code = "prompt_not_on_key"
    allowed: frozenset[str]

    def describe(self) -> str:
        """Return the message."""
        may = (
            f"it may run {', '.join(sorted(self.allowed))}"
            if self.allowed
            else "a publishable key runs skills by name"
        )
        return f"This key may not run inline prompts; {may}. Use a secret key without a list of skills."


class TooMuchFeedback(Conflict):
    """The job has the maximum number of ratings."""

    code = "too_much_feedback"
    former_code = "too_many_opinions"
    message = "This job has {limit} ratings, the maximum. Existing ratings can still be changed."
    limit: int
