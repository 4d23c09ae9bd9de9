"""Describe who may decide an approval of a flow: e-mail addresses and roles."""

from __future__ import annotations

import re
from typing import Any, Final

from backend.core.names import suggestion
from backend.skills.schemas.messages import shown

ROLES: Final = ("developer", "admin", "owner")
"""Roles that may be reviewers, each with those after it. Viewers cannot decide approvals."""
MAX_REVIEWERS: Final = 100
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z")


def problem_of(reviewer: Any) -> str | None:
    """Return why a value is no reviewer, and what to write instead; `None` if it is one."""
    if not isinstance(reviewer, str):
        return f"A reviewer is text, not {shown(reviewer)}. Write an e-mail address or a role."
    word = as_stored(reviewer)
    if word in ROLES or _EMAIL.match(word):
        return None
    if word == "viewer":
        return "A viewer cannot decide approvals. Write 'developer', 'admin', 'owner' or an e-mail address."
    hint = suggestion(word, ROLES) or f" Roles are {', '.join(ROLES)}."
    return f"{shown(reviewer)} is neither an e-mail address nor a role.{hint}"


def as_stored(reviewer: str) -> str:
    """Return a reviewer in the form in which it is compared."""
    return reviewer.strip().lower()
