"""Check the recipients of e-mail: only members of the project, so that a project cannot write to others."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.errors import BadWebhookUrl

_PREFIX: Final = "mailto:"
_IS_MEMBER: Final = text("""
select exists (
  select from members m join users u on u.id = m.user_id
  where m.project_id = :project_id and u.email = :email and u.disabled_at is null
)
""")


def address_of(url: str) -> str | None:
    """Return the address of a `mailto:` URL in lower case; None if it is another URL."""
    is_mail = url[: len(_PREFIX)].lower() == _PREFIX
    return url[len(_PREFIX) :].strip().lower() if is_mail else None


async def is_member(session: AnySession, project_id: UUID, address: str) -> bool:
    """Return whether the address is that of a member of the project."""
    found = await session.execute(_IS_MEMBER, {"project_id": project_id, "email": address})
    return bool(found.scalar_one())


async def check(session: AnySession, project_id: UUID, url: str, allowed: Receivers) -> None:
    """Reject a recipient to whom nothing could be sent.

    Raises:
        BadWebhookUrl: The URL is not `mailto:` and the address of a member, or the instance cannot send e-mail.
    """
    if not allowed.has_mail:
        raise BadWebhookUrl(
            "is an e-mail address, and this instance cannot send e-mail. An operator can set PURAS_SMTP_URL"
        )
    address = address_of(url)
    if address is None:
        raise BadWebhookUrl("is not an e-mail address. Write 'mailto:name@example.org'")
    if not await is_member(session, project_id, address):
        raise BadWebhookUrl("is not the e-mail address of a member of this project. Invite the person first")
