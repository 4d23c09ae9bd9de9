"""What can be wrong with who somebody says they are.

NotSignedIn
├── InvalidKey         the API key is unknown, revoked, expired or not a key at all
├── InvalidSession     the session cookie is unknown or its session has ended
└── InvalidJobToken    the job token is forged, expired, or its attempt no longer runs
NotAllowed
├── ForgedRequest      a write by session without its CSRF token
├── CurrentPasswordWrong
├── SkillNotOnKey      the key may not run this skill
├── ResetClosed        the link to set a new password is used, expired or made up
└── SetupClosed        the set-up link is used, expired or made up
Malformed
└── ProjectNotNamed    a session must say in which project it acts
Missing
├── ProjectNotFound
├── KeyNotFound
├── SessionNotFound
└── UserNotFound
Conflict
└── EmailTaken
Invalid
└── KeyWouldBeUnrestricted
TooMany
├── RateExceeded       more requests than the key or the project may send
├── TooManySignIns
├── TooManyBadKeys     an address has shown too many API keys that nobody has
└── TooManyBadLinks    an address has opened too many one-time links that are not valid
"""

from __future__ import annotations

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
    """The API key is unknown, revoked, expired or not a key at all."""

    code = "invalid_api_key"


class InvalidSession(NotSignedIn):
    """The session cookie is unknown or its session has ended."""

    code = "session_ended"

    def __init__(self) -> None:
        super().__init__("Your session has ended. Sign in again at /sign-in.")


class InvalidJobToken(NotSignedIn):
    """The job token is forged, expired, or its attempt no longer runs."""

    code = "invalid_job_token"


class ForgedRequest(NotAllowed):
    """A write by session came without the session's CSRF token, or from another site."""

    code = "csrf_failed"


class CurrentPasswordWrong(NotAllowed):
    """The password that was given as the current one is another."""

    code = "wrong_password"

    def __init__(self) -> None:
        super().__init__("That is not your current password. Check it and try again.")


class ResetClosed(NotAllowed):
    """The link to set a new password is used, expired or made up."""

    code = "reset_closed"

    def __init__(self) -> None:
        super().__init__(
            "This link is not valid any more: it works once, within an hour. Ask the operator of this instance for a "
            "new one: `puras-studio user reset-password`."
        )


class SetupClosed(NotAllowed):
    """The set-up link is used, expired or made up."""

    code = "setup_closed"

    def __init__(self) -> None:
        super().__init__(
            "This set-up link is not valid any more: it works once, within a day, and only while nobody has an "
            "account. Sign in, or print a new link with `puras-studio setup-link`."
        )


class ProjectNotNamed(Malformed):
    """A session must say in which project it acts."""

    code = "project_not_named"

    def __init__(self) -> None:
        super().__init__(
            "A session can act in several projects. Name one by id or slug in the header X-Puras-Project or in "
            "?project=."
        )


class ProjectNotFound(Missing):
    """There is no such project, or the caller is not in it."""

    code = "project_not_found"

    def __init__(self, project: str) -> None:
        super().__init__(
            f"There is no project {project!r}, or you are not in it. GET /v1/projects lists yours.",
            project=project,
        )


class KeyNotFound(Missing):
    """The project has no such API key."""

    code = "api_key_not_found"

    def __init__(self, key_id: object) -> None:
        super().__init__(
            f"This project has no API key {str(key_id)!r}. GET /v1/api-keys lists its keys.",
            api_key_id=str(key_id),
        )


class SessionNotFound(Missing):
    """The person has no such session."""

    code = "session_not_found"

    def __init__(self, session_id: object) -> None:
        super().__init__(
            f"You have no session {str(session_id)!r}; it may have ended. GET /v1/me/sessions lists yours.",
            session_id=str(session_id),
        )


class UserNotFound(Missing):
    """Nobody has an account with this e-mail."""

    code = "user_not_found"

    def __init__(self, email: str) -> None:
        super().__init__(
            f"Nobody has an account with the e-mail {email!r}. An operator makes one on the page Operator, or with "
            "`puras-studio user create`.",
            email=email,
        )


class EmailTaken(Conflict):
    """Somebody has an account with this e-mail already."""

    code = "email_taken"

    def __init__(self, email: str) -> None:
        super().__init__(
            f"Somebody has an account with the e-mail {email!r} already. Use another one.", email=email
        )


class TooManyBadKeys(TooMany):
    """An address has shown too many API keys that nobody has; a valid one still passes."""

    code = "too_many_bad_keys"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "Too many requests with API keys that are not valid have come from your address. Check the key that your "
            "program sends; a valid one is still taken.",
            retry_after_s=retry_after_s,
        )


class TooManyBadLinks(TooMany):
    """An address has opened too many one-time links that are not valid."""

    code = "too_many_bad_links"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "Too many links that are not valid have been opened from your address. Ask the operator for a new one.",
            retry_after_s=retry_after_s,
        )


class TooManySignIns(TooMany):
    """Sign-in failed too often from here or for this e-mail."""

    code = "too_many_sign_ins"

    def __init__(self, retry_after_s: int) -> None:
        minutes = max(1, -(-retry_after_s // 60))
        super().__init__(
            f"Signing in failed too often. Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
            retry_after_s=retry_after_s,
        )


class RateExceeded(TooMany):
    """More requests came than the key or the project may send."""

    code = "rate_limited"

    def __init__(self, whose: str, limit: int, window_s: int, retry_after_s: int) -> None:
        super().__init__(
            f"This {whose} may send {limit:,} requests in {window_s} seconds and has. Wait {retry_after_s} s; the "
            "headers RateLimit and RateLimit-Policy say how much is left.",
            retry_after_s=retry_after_s,
            limit=limit,
            window_s=window_s,
            policy=whose,
        )


class KeyWouldBeUnrestricted(Invalid):
    """The change removes the scopes of a secret key that nothing else limits, without asking for full access."""

    code = "key_would_be_unrestricted"

    def __init__(self) -> None:
        super().__init__(
            "Without scopes, this key could do everything that an admin can.",
            [
                Problem(
                    "scopes",
                    'Name the scopes that the key is to have, or send `"unrestricted": true` with the empty list '
                    "to give it full access.",
                )
            ],
        )


class SkillNotOnKey(NotAllowed):
    """The key may not run this skill."""

    code = "skill_not_on_key"

    def __init__(self, skill: str, allowed: frozenset[str]) -> None:
        super().__init__(
            f"This key may not run {skill!r}; it may run {', '.join(sorted(allowed)) or 'skills of its own project'}.",
            skill=skill,
            allowed=sorted(allowed),
        )
