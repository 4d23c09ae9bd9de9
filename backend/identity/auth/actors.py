"""Describe callers that do not act in a project yet, and the operator of the instance."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from backend.identity.auth.principal import Principal, Role

OPERATOR_LABEL = "operator"
"""Name in audit rows of the user of operator commands, who has a shell on the host."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a valid session, before the project is known."""

    user_id: UUID
    session_id: UUID
    email: str
    name: str
    is_operator: bool
    csrf_token: str = field(repr=False)

    @property
    def label(self) -> str:
        """Return the name of the user in audit rows and jobs."""
        return f"user:{self.email}"


Caller = Principal | SignedIn
"""The identity that a request was authenticated as."""


def operator(project_id: UUID) -> Principal:
    """Return the principal of an operator's command on this host; it may do everything in the project."""
    return Principal(
        kind="system",
        id=UUID(int=0),
        project_id=project_id,
        label=OPERATOR_LABEL,
        role=Role.OWNER,
        is_operator=True,
    )
