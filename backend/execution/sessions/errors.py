"""Errors of sessions, and of messages that do not fit a skill."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from backend.core.errors import (
    Conflict,
    Invalid,
    Missing,
    NotAllowed,
    NotSignedIn,
    PaymentRequired,
    Problem,
    TooMany,
    field,
)
from backend.money.pricing import dollars


class ConversationInvalid(Invalid):
    """The messages do not fit the skill."""

    code = "conversation_invalid"

    def __init__(self, location: str, why: str) -> None:
        super().__init__(f"{location}: {why}", [Problem(location, why)])


class InputsMissing(Invalid):
    """A message leaves required inputs of the skill without a value."""

    code = "inputs_missing"

    def __init__(self, skill: str, missing: Sequence[str]) -> None:
        names = ", ".join(repr(name) for name in missing)
        super().__init__(
            f"The skill {skill!r} needs the input{'s' * (len(missing) > 1)} {names}, which the text of this message "
            "does not fill. Send them in the field `inputs` of the message.",
            [Problem(f"inputs.{name}", "This input is required.") for name in missing],
        )


class SkillNotAgentic(Invalid):
    """The skill is a function, which has no conversation."""

    code = "skill_not_agentic"

    def __init__(self, skill: str) -> None:
        super().__init__(
            f"The skill {skill!r} is a function. A session needs an agent: a skill whose entrypoint is a prompt. Run "
            "the function with POST /v1/jobs.",
            [Problem("skill", "This skill is not an agent.")],
        )


class DraftOfSessionDeleted(Conflict):
    """The stored state of the draft that the session runs is deleted."""

    code = "draft_of_session_deleted"
    message = (
        "This session runs the draft as it was when the session was created. That state is kept for seven days, and is "
        "deleted. Start a new session."
    )
    session_id: UUID


class SessionNotFound(Missing):
    """The session does not exist, or the caller may not see it."""

    code = "session_not_found"
    message = "No session {session_id!r} that this caller can see. List the sessions to find it."
    session_id: UUID


class SessionBusy(Conflict):
    """A turn of the session has not ended."""

    code = "session_busy"
    message = (
        "A turn of the session {session_id} has not ended. Send the message when it has, or with `while_running` "
        "`queue` or `interrupt`."
    )
    session_id: UUID
    job_id: UUID


class TooManyQueuedMessages(TooMany):
    """The maximum number of messages waits for the turn before them."""

    code = "too_many_queued_messages"
    message = "{limit} messages of this session wait for the turn that runs. Send more when it has ended."
    limit: int
    retry_after_s: int = 5


class SessionFull(Conflict):
    """The session has the maximum number of messages."""

    code = "session_full"
    message = (
        "The session has {limit:,} messages, the maximum of the project. Start a new session, or ask an admin to raise "
        "the limit `session_messages`."
    )
    limit: int


class SessionCostReached(PaymentRequired):
    """The session has cost the maximum."""

    code = "session_cost_reached"
    used_micros: int
    limit_micros: int

    def describe(self) -> str:
        """Return the message."""
        return (
            f"The session has cost {dollars(self.used_micros)}; the limit of the project is "
            f"{dollars(self.limit_micros)}. Start a new session, or ask an admin to raise the limit `session_usd`."
        )


class AnonymousSessionsNotAllowed(NotAllowed):
    """A visitor without a signed user uses a key that does not allow it."""

    code = "anonymous_sessions_not_allowed"
    message = (
        "This API key does not allow conversations of anonymous visitors. Create a publishable key with the scope "
        "`sessions:anonymous`, or let your server sign a token for the user."
    )


class EndUserRequired(NotAllowed):
    """A publishable key is used without a token that names the user."""

    code = "end_user_required"
    message = (
        "A publishable key needs the header `X-Puras-End-User` for sessions: a token that your server signs for the "
        "user of your application. See the guide on conversations."
    )


class EndUserInvalid(NotSignedIn):
    """The token that names the user of an application is not valid."""

    code = "end_user_invalid"
    message = "The token in `X-Puras-End-User` is not valid: {reason}. Let your server sign a new one."
    reason: str = field(in_body=False)
