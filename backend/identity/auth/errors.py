"""Errors of authentication: keys, sessions, accounts and their limits."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import (
    Conflict,
    Invalid,
    Malformed,
    Missing,
    NotAllowed,
    NotSignedIn,
    Problem,
    TooMany,
)


class InvalidKey(NotSignedIn):
    """The API key is malformed, unknown, revoked or expired."""

    code = "invalid_api_key"


class InvalidSession(NotSignedIn):
    """The session cookie is unknown or its session has ended."""

    code = "session_ended"
    message = "Your session has ended. Sign in again at /sign-in."


class InvalidJobToken(NotSignedIn):
    """The job token is invalid or expired, or its attempt does not run."""

    code = "invalid_job_token"


class ForgedRequest(NotAllowed):
    """A write request of a session has no CSRF token, or comes from another site."""

    code = "csrf_failed"


class CurrentPasswordWrong(NotAllowed):
    """The current password is wrong."""

    code = "wrong_password"
    message = "The current password is wrong. Check it and try again."


class ResetClosed(NotAllowed):
    """The link to set a new password was used, has expired, or is invalid."""

    code = "reset_closed"
    message = (
        "This link is not valid any more. It works once, within an hour. Ask the operator of this instance "
        "for a new one: `puras-studio user reset-password`."
    )


class SetupClosed(NotAllowed):
    """The setup link was used, has expired, or is invalid."""

    code = "setup_closed"
    message = (
        "This setup link is not valid any more. It works once, within a day, and only while there is no "
        "account. Sign in, or print a new link with `puras-studio setup-link`."
    )


class ProjectNotNamed(Malformed):
    """A session must name the project."""

    code = "project_not_named"
    message = (
        "A session can act in several projects. Name one by ID or slug in the header X-Puras-Project or in "
        "?project=."
    )


class ProjectNotFound(Missing):
    """The project does not exist, or the caller is not a member."""

    code = "project_not_found"
    message = (
        "The project {project!r} does not exist, or you are not a member. GET /v1/projects lists your "
        "projects."
    )
    project: str


class KeyNotFound(Missing):
    """The project has no such API key."""

    code = "api_key_not_found"
    message = "This project has no API key {api_key_id!r}. GET /v1/api-keys lists its keys."
    api_key_id: UUID | str


class SessionNotFound(Missing):
    """The user has no such session."""

    code = "session_not_found"
    message = (
        "You have no session {session_id!r}; it may have ended. GET /v1/me/sessions lists your sessions."
    )
    session_id: UUID | str


class UserNotFound(Missing):
    """No account has this email address."""

    code = "user_not_found"
    message = (
        "No account has the email address {email!r}. An operator can create one on the Admin page, or with "
        "`puras-studio user create`."
    )
    email: str


class EmailTaken(Conflict):
    """An account has this email address."""

    code = "email_taken"
    message = "An account already has the email address {email!r}. Use another one."
    email: str


class TooManyBadKeys(TooMany):
    """An IP address has sent too many invalid API keys. A valid one is still accepted."""

    code = "too_many_bad_keys"
    message = (
        "Too many requests with invalid API keys came from your IP address. Check the key that your program "
        "sends; a valid key is still accepted."
    )
    retry_after_s: int


class TooManyBadLinks(TooMany):
    """An IP address has opened too many invalid one-time links."""

    code = "too_many_bad_links"
    message = "Too many invalid links were opened from your IP address. Ask the operator for a new one."
    retry_after_s: int


class TooManySignIns(TooMany):
    """Sign-in failed too often from this IP address or for this email address."""

    code = "too_many_sign_ins"
    retry_after_s: int

    def describe(self) -> str:
        """Return the message."""
        minutes = max(1, -(-self.retry_after_s // 60))
        return f"Signing in failed too often. Try again in {minutes} minute{'s' if minutes > 1 else ''}."


class RateExceeded(TooMany):
    """The key or the project exceeds its rate limit."""

    code = "rate_limited"
    message = (
        "This {policy} has reached its limit of {limit:,} requests in {window_s} seconds. Wait "
        "{retry_after_s} s. The headers RateLimit and RateLimit-Policy contain the remaining requests."
    )
    policy: str
    limit: int
    window_s: int
    retry_after_s: int


class KeyWouldBeUnrestricted(Invalid):
    """The change would implicitly give a secret key full access."""

    code = "key_would_be_unrestricted"

    def __init__(self) -> None:
        super().__init__(
            "Without scopes, this key could do everything that an admin can.",
            [
                Problem(
                    "scopes",
                    'Name the scopes of the key, or send `"unrestricted": true` with the empty list '
                    "to give it full access.",
                )
            ],
        )


class KeyNotLimited(NotAllowed):
    """A publishable key that may run every skill cannot be embedded in a page."""

    code = "key_not_limited"
    message = (
        "This publishable key may run every skill of its project, and visitors of a page can read it. Create a key "
        "that is limited to this skill: in the studio under Settings, API keys, or with `skill_allowlist`."
    )


class SkillNotOnKey(NotAllowed):
    """The key may not run this skill."""

    code = "skill_not_on_key"
    skill: str
    allowed: frozenset[str]

    def describe(self) -> str:
        """Return the message."""
        return (
            f"This key may not run {self.skill!r}; it may run "
            f"{', '.join(sorted(self.allowed)) or 'skills of its own project'}."
        )
