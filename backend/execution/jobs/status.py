"""The statuses of a job and the transitions between them."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

FinalStatus = Literal["succeeded", "failed", "cancelled"]
Status = Literal["queued", "running", "waiting", FinalStatus]

TERMINAL: Final[frozenset[str]] = frozenset(get_args(FinalStatus))


class Transition(NamedTuple):
    """A change of the status, and what makes it."""

    source: Status | None
    """None: the job is created."""
    target: Status
    queries: tuple[str, ...]
    """The queries in the folder `sql` that make the change."""
    when: str
    """For the documentation: what causes the change."""


_FINISH: Final = ("finish", "finish_without_webhooks", "finish_subjob", "finish_step")
_CANCEL: Final = ("cancel_pending", "cancel_all_pending")

TRANSITIONS: Final = (
    Transition(
        None,
        "queued",
        ("submit", "submit_free", "submit_subjob", "submit_step"),
        "A client submits the job, or a running job calls its skill.",
    ),
    Transition(
        None,
        "running",
        ("start_free",),
        "A client submits the job, which costs nothing, while a worker has a free slot for it.",
    ),
    Transition(
        "queued",
        "running",
        ("claim", "claim_free", "claim_quarantined", "claim_subjob"),
        "A worker claims the job and starts an attempt.",
    ),
    Transition("queued", "cancelled", _CANCEL, "The job is cancelled before a worker claims it."),
    Transition(
        "running",
        "queued",
        ("requeue",),
        "The worker is lost or drained, the retry rule of the skill applies, or the attempt has to be postponed.",
    ),
    Transition(
        "running",
        "waiting",
        ("await_approval", "suspend_flow", "suspend"),
        "The start of the job, or a call of its agent, needs an approval, the flow waits for its steps, or the "
        "function sleeps or waits for an event.",
    ),
    Transition("running", "succeeded", _FINISH, "The attempt returns a valid result."),
    Transition("running", "failed", _FINISH, "The attempt fails, and no retry is left."),
    Transition("running", "cancelled", _FINISH, "The job is cancelled, and its worker stops the attempt."),
    Transition(
        "waiting",
        "queued",
        ("resume_decided", "resume_flow", "resume_due"),
        "The last pending approval is decided or expires, a step of the flow has ended, the time of a wait has come, "
        "or its event was received.",
    ),
    Transition("waiting", "cancelled", _CANCEL, "The job is cancelled while it waits."),
)
"""All transitions. `docs/reference/job-statuses.md` is generated from them, and a test compares them with the SQL."""
