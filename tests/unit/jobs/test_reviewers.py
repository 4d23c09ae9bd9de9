"""Reviewers of an approval decide it; keys count only for the roles that they have."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from backend.execution.approvals import reviewers
from backend.execution.approvals.errors import NotReviewer
from backend.identity.auth.principal import Kind, Principal, Role

ID = UUID(int=1)
ALL = frozenset({"approvals:write"})


def principal(kind: Kind, role: Role, label: str = "key:ab12", **more: Any) -> Principal:
    """Return a principal."""
    return Principal(kind, ID, ID, label, role, **more)


ADA = principal("user", Role.DEVELOPER, "user:Ada@example.org")
BOSS = principal("user", Role.OWNER, "user:boss@example.org")
KEY = principal("secret_key", Role.ADMIN)
RESTRICTED = principal("secret_key", Role.ADMIN, scopes=ALL)


@pytest.mark.parametrize(
    ("who", "named", "expected"),
    [
        (ADA, [], True),
        (ADA, ["ada@example.org"], True),
        (ADA, ["bob@example.org"], False),
        (ADA, ["developer"], True),
        (ADA, ["admin"], False),
        (BOSS, ["admin"], True),
        (BOSS, ["ada@example.org"], False),
        (KEY, [], True),
        (KEY, ["ada@example.org"], False),
        (KEY, ["admin"], True),
        (KEY, ["owner"], False),
        (RESTRICTED, ["developer"], True),
        (RESTRICTED, ["admin"], False),
        (principal("secret_key", Role.ADMIN, scopes=frozenset()), [], False),
        (principal("user", Role.VIEWER, "user:eve@example.org"), ["eve@example.org"], False),
        (principal("secret_key", Role.ADMIN, "user:ada@example.org"), ["ada@example.org"], False),
        (principal("job", Role.DEVELOPER, "job:1", scopes=ALL), ["developer"], False),
        (principal("system", Role.OWNER, "eval:1"), ["owner"], False),
    ],
)
def test_who_may_decide(who: Principal, named: list[str], *, expected: bool) -> None:
    assert reviewers.may_decide(who, named) is expected


def test_error_names_the_reviewers() -> None:
    with pytest.raises(
        NotReviewer, match=r"Only reviewers may decide this approval: a@b\.c\. Ask one of them"
    ):
        reviewers.require(ADA, ["a@b.c"])
    with pytest.raises(NotReviewer, match="An API key counts only for the roles"):
        reviewers.require(KEY, ["a@b.c"])
