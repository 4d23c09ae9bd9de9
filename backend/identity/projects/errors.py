"""Errors of projects, members and invitations."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Missing, NotAllowed, field


class SlugTaken(Conflict):
    """Another project of this instance has the slug."""

    code = "slug_taken"
    message = "The slug {slug!r} is taken by another project. Choose another one."
    slug: str


class TooManyProjects(Conflict):
    """The user owns the maximum number of projects."""

    code = "quota_reached"
    message = (
        "A user may own {limit:,} projects on this instance, and you own {used:,}. Delete one that is not "
        "needed, or ask the operator to create another: `puras-studio project create`."
    )
    limit: int
    used: int
    quota: str = "projects"


class AlreadyMember(Conflict):
    """The user is a member of the project."""

    code = "already_member"
    message = "{email} is already a member of this project. PATCH the member to change the role."
    email: str


class LastOwner(Conflict):
    """The project must have an owner."""

    code = "last_owner"
    message = "This is the project's last owner. Make another member an owner first."


class MemberNotFound(Missing):
    """The user is not a member of the project."""

    code = "member_not_found"
    message = "No member of this project has the ID {user_id!r}."
    user_id: UUID


class InvitationNotFound(Missing):
    """The project has no such invitation."""

    code = "invitation_not_found"
    message = (
        "This project has no invitation with the ID {invitation_id!r}: it was accepted or withdrawn, or has "
        "expired. List the invitations to see the pending ones."
    )
    invitation_id: UUID


class InvitationClosed(NotAllowed):
    """The invitation was used, withdrawn, has expired, or is invalid."""

    code = "invitation_closed"
    message = (
        "This link is not valid any more. It works once, within seven days, unless it is withdrawn. Ask the "
        "member who invited you for a new one."
    )


class InvitationForAnother(NotAllowed):
    """The invitation is for another email address than that of the signed-in user."""

    code = "invitation_for_another"
    message = (
        "This invitation is for {invited}, and you are signed in as {signed_in}. Sign in as {invited}, or "
        "ask for an invitation for {signed_in}."
    )
    invited: str = field(in_body=False)
    signed_in: str = field(in_body=False)
