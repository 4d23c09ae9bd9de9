"""What can be wrong with a request about a job."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from backend.core.errors import Conflict, Missing, NotAllowed, PaymentRequired, TooMany
from backend.money.pricing import dollars

QUEUE_RETRY_AFTER_S = 5
"""When a full queue may have room again: a guess, since nobody knows how long its jobs run."""


class JobNotFound(Missing):
    """There is no such job, or it is not the caller's."""

    code = "job_not_found"

    def __init__(self, job_id: UUID | str) -> None:
        super().__init__(
            f"No job {str(job_id)!r} in this project. List the project's jobs to find it.", job_id=str(job_id)
        )


class KernelNotReplayed(Conflict):
    """The job was the kernel of a notebook, which runs what it is given and has no inputs."""

    code = "kernel_not_replayed"

    def __init__(self, job_id: UUID) -> None:
        super().__init__(
            "The kernel of a notebook cannot be replayed: open its notebook and run the cells again.",
            job_id=str(job_id),
        )


class JobAlreadyEnded(Conflict):
    """The job has ended, so it cannot be changed any more."""

    code = "job_already_ended"

    def __init__(self, job_id: UUID, status: str) -> None:
        super().__init__(
            f"Job {str(job_id)!r} has already {status}. Replay it to run it again.",
            job_id=str(job_id),
            status=status,
        )


class WalletEmpty(PaymentRequired):
    """The project's wallet has nothing left to spend."""

    code = "wallet_empty"

    def __init__(self, balance_micros: int, reserved_micros: int) -> None:
        super().__init__(
            f"The project's wallet is empty: {dollars(balance_micros - reserved_micros)} are available. "
            "Top it up, then submit again.",
            balance_micros=balance_micros,
            reserved_micros=reserved_micros,
        )


class TooManyQueuedJobs(TooMany):
    """As many jobs of the project wait as may."""

    code = "too_many_queued_jobs"

    def __init__(self, used: int, limit: int) -> None:
        super().__init__(
            f"{used:,} jobs of this project wait already, and {limit:,} may. Submit again when some have run, cancel "
            f"some, or ask the operator for more: `puras-studio project limits PROJECT --queued-jobs {2 * used or 1}`.",
            retry_after_s=QUEUE_RETRY_AFTER_S,
            limit=limit,
            used=used,
        )


class TooManyLaterJobs(TooMany):
    """As many jobs of the project wait for their `run_at` as may."""

    code = "too_many_later_jobs"

    def __init__(self, used: int, limit: int) -> None:
        super().__init__(
            f"{used:,} jobs of this project wait for their `run_at` already, and {limit:,} may. Cancel some, submit "
            "this one nearer to its time, create a schedule for what repeats, or ask the operator for more: "
            f"`puras-studio project limits PROJECT --later-jobs {2 * used or 1}`.",
            retry_after_s=QUEUE_RETRY_AFTER_S,
            limit=limit,
            used=used,
        )


class KeyCapReached(PaymentRequired):
    """The API key has spent what it may spend in a day."""

    code = "key_cap_reached"

    def __init__(self, key: str, *, spent_micros: int, cap_micros: int, resets_at: datetime) -> None:
        super().__init__(
            f"The key {key!r} may spend {dollars(cap_micros)} a day, and its jobs have spent or hold "
            f"{dollars(spent_micros)} today. The daily cap resets at {resets_at:%Y-%m-%d %H:%M} UTC; submit the job "
            "again then, or with a key that has a higher cap.",
            key=key,
            spent_micros=spent_micros,
            cap_micros=cap_micros,
            resets_at=resets_at.isoformat(),
        )


class LaneNotGranted(NotAllowed):
    """The project may not use workers of this lane."""

    code = "lane_not_granted"

    def __init__(self, lane: str) -> None:
        super().__init__(
            f"This project may not use the lane {lane!r}. The operator grants it: "
            f"`puras-studio project lane PROJECT {lane}`.",
            lane=lane,
        )


class ApiKeyEnded(Conflict):
    """The API key that submitted the job was revoked or expired before the job started."""

    code = "api_key_ended"

    def __init__(self, key_ended: Literal["revoked", "expired"]) -> None:
        verb = "was revoked" if key_ended == "revoked" else "expired"
        super().__init__(
            f"The API key that submitted this job {verb} before the job started, so it did not run and cost nothing. "
            "Replay it with a valid key, or as a member of the project."
        )


class CalledSkillNotOnKey(NotAllowed):
    """The model of an agent calls a skill that neither the key of the job nor the calling skill names."""

    code = "called_skill_not_on_key"

    def __init__(self, skill: str, caller: str) -> None:
        super().__init__(
            f"The key that submitted this job may not run {skill!r}, and {caller!r} does not declare it. The author of "
            f"{caller!r} can declare it in skill.yaml (`tools: [{{name: …, skill: {skill}}}]`), or the job can be "
            "submitted with a key that may run it. Do the work without this call.",
            skill=skill,
        )


class RunAtNotOnKey(NotAllowed):
    """A publishable key submits a job for later."""

    code = "run_at_not_on_key"

    def __init__(self) -> None:
        super().__init__(
            "A publishable key cannot submit jobs for later. Leave `run_at` out, or use a secret key from your server."
        )


class PromptNotOnKey(NotAllowed):
    """The key may run named skills only."""

    code = "prompt_not_on_key"

    def __init__(self, allowed: frozenset[str]) -> None:
        may = (
            f"it may run {', '.join(sorted(allowed))}" if allowed else "a publishable key runs skills by name"
        )
        super().__init__(
            f"This key may not run prompts of its own; {may}. Use a secret key without a list of skills.",
            allowed=sorted(allowed),
        )


class TooManyOpinions(Conflict):
    """So many people have rated the job that no other opinion is taken."""

    code = "too_many_opinions"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This job has {most} opinions, as many as one may have; those that are there can still be changed.",
            limit=most,
        )
