"""Those who act without being in a project yet, and those who act for the instance itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from backend.identity.auth.principal import Principal, Role

OPERATOR_LABEL = "operator"
"""How audit rows name whoever has a shell on the machine."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a live session, who has not said yet in which project."""

    user_id: UUID
    session_id: UUID
    email: str
    name: str
    is_operator: bool
    csrf_token: str = field(repr=False)

    @property
    def label(self) -> str:
        """How audit rows and jobs name the user."""
        return f"user:{self.email}"


Caller = Principal | SignedIn
"""Whoever a request was authenticated as."""


def operator(project_id: UUID) -> Principal:
    """Whoever runs an operator's command on this machine: may do everything in the project."""
    return Principal(
        kind="system",
        id=UUID(int=0),
        project_id=project_id,
        label=OPERATOR_LABEL,
        role=Role.OWNER,
        is_operator=True,
    )
