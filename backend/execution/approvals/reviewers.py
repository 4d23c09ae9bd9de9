"""Decide who may decide an approval that names reviewers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.core.errors import PurasError
from backend.execution.approvals.errors import NotReviewer
from backend.identity.auth.principal import Principal, Role

_ROLES: Final = {role.name.lower(): role for role in Role}
_USER: Final = "user:"


def may_decide(principal: Principal, reviewers: Sequence[str]) -> bool:
    """Return whether the principal may decide an approval with these reviewers; without any, its permissions decide."""
    try:
        principal.require(Role.DEVELOPER, "approvals:write")
    except PurasError:
        return False
    if principal.kind == "job":
        return False
    if not reviewers:
        return True
    if principal.kind == "user" and principal.label.removeprefix(_USER).lower() in reviewers:
        return True
    own = _role_of(principal)
    return own is not None and any(own >= _ROLES[one] for one in reviewers if one in _ROLES)


def require(principal: Principal, reviewers: Sequence[str]) -> None:
    """Check that the principal is one of the reviewers of an approval, if it names any.

    Raises:
        NotReviewer: It is not.
    """
    if not may_decide(principal, reviewers):
        raise NotReviewer(reviewers, is_key=principal.kind != "user")


def _role_of(principal: Principal) -> Role | None:
    """Return the role that counts: a key is not a user, so it is never an owner, nor an admin if it is restricted."""
    if principal.kind == "user":
        return principal.role
    if principal.kind != "secret_key":
        return None
    return min(principal.role, Role.ADMIN if principal.scopes is None else Role.DEVELOPER)
