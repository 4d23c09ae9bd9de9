"""What can go wrong with projects and their members.

Conflict
├── SlugTaken          another project of the instance has it
├── TooManyProjects    the person owns as many as a person may
├── AlreadyMember      the user is in the project
└── LastOwner          a project without an owner could not be managed any more
Missing
├── MemberNotFound
└── InvitationNotFound
NotAllowed
├── InvitationClosed      the link is used, expired, withdrawn or made up
└── InvitationForAnother  who is signed in has another e-mail than the invited one
"""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Missing, NotAllowed


class SlugTaken(Conflict):
    """Another project of this instance has the slug."""

    code = "slug_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"The slug {slug!r} is taken by another project. Choose another one.", slug=slug)


class TooManyProjects(Conflict):
    """The person owns as many projects as a person may."""

    code = "quota_reached"

    def __init__(self, limit: int, used: int) -> None:
        super().__init__(
            f"A person may own {limit:,} projects here, and you own {used:,}. Delete one that is not needed, or ask "
            "the operator for another: `puras-studio project create`.",
            quota="projects",
            limit=limit,
            used=used,
        )


class AlreadyMember(Conflict):
    """The user is in the project already."""

    code = "already_member"

    def __init__(self, email: str) -> None:
        super().__init__(
            f"{email} is in this project already. PATCH the member to change the role.", email=email
        )


class LastOwner(Conflict):
    """A project keeps at least one owner."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__("This is the project's last owner. Make somebody else an owner first.")


class MemberNotFound(Missing):
    """The user is not in the project."""

    code = "member_not_found"

    def __init__(self, user_id: UUID) -> None:
        super().__init__(f"No member of this project has the id {str(user_id)!r}.", user_id=str(user_id))


class InvitationNotFound(Missing):
    """The project has no such invitation."""

    code = "invitation_not_found"

    def __init__(self, invitation_id: UUID) -> None:
        super().__init__(
            f"This project has no invitation with the id {str(invitation_id)!r}: it was accepted or withdrawn, or has "
            "expired. List them to see which are open.",
            invitation_id=str(invitation_id),
        )


class InvitationClosed(NotAllowed):
    """The link of an invitation is used, expired, withdrawn or made up."""

    code = "invitation_closed"

    def __init__(self) -> None:
        super().__init__(
            "This link is not valid any more: it works once, within seven days, until it is withdrawn. Ask whoever "
            "invited you for a new one."
        )


class InvitationForAnother(NotAllowed):
    """Who is signed in has another e-mail than the invited one."""

    code = "invitation_for_another"

    def __init__(self, invited: str, signed_in: str) -> None:
        super().__init__(
            f"This invitation is for {invited}, and you are signed in as {signed_in}. Sign in as {invited}, or ask for "
            "an invitation of your own."
        )
