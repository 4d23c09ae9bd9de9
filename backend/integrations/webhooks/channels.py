"""The ways on which deliveries leave the instance: signed JSON, messages to chats, and e-mail."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final, Self

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.vault.errors import SecretUnreadable
from backend.core.vault.vault import Vault
from backend.identity.preferences.service import wants_mail
from backend.integrations.webhooks import recipients, signing
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.mailer import Mailer
from backend.integrations.webhooks.messages import message_of, slack_body
from backend.integrations.webhooks.sending import Sender, Sent

_NO_MAILER: Final = "This instance cannot send e-mail any more. An operator can set PURAS_SMTP_URL."
_NO_MEMBER: Final = "The recipient is no longer a member of the project."

_UNWANTED: Final = "Not sent: the recipient has turned off e-mail about such events."


@dataclass(frozen=True, slots=True)
class Channels:
    """Sends deliveries in the format of their webhook."""

    database: Database
    vault: Vault
    sender: Sender
    mailer: Mailer | None = None
    origin: str = ""
    """URL of the studio, for links in messages."""

    @classmethod
    def of(cls, context: AppContext) -> Self:
        """Return the channels of an instance."""
        settings = context.settings
        sender = Sender.to_public(Receivers.of(settings))
        return cls(context.database, context.vault, sender, Mailer.of(settings), settings.url.rstrip("/"))

    async def send(self, claimed: Any) -> Sent:
        """Send a claimed delivery; a failure is part of the result."""
        if claimed.format == "json":
            return await self._send_signed(claimed)
        message = message_of(
            claimed.body,
            origin=self.origin,
            project_name=claimed.project_name,
            project_slug=claimed.project_slug,
        )
        if claimed.format == "slack":
            return await self.sender.send(claimed.url, {}, slack_body(message))
        address = recipients.address_of(claimed.url) or ""
        if self.mailer is None:
            return Sent(None, None, _NO_MAILER, 0)
        async with self.database.reading() as session:
            if not await recipients.is_member(session, claimed.project_id, address):
                return Sent(None, None, _NO_MEMBER, 0)
            if not await wants_mail(session, address, claimed.event):
                return Sent(None, _UNWANTED, None, 0)
        return await self.mailer.send(address, message, message_id=str(claimed.id))

    async def close(self) -> None:
        """Close the connections."""
        await self.sender.close()

    async def _send_signed(self, claimed: Any) -> Sent:
        body = claimed.body.encode()
        try:
            secrets = [
                self.vault.decrypt(one) for one in (claimed.ciphertext, claimed.previous_ciphertext) if one
            ]
        except SecretUnreadable:
            return Sent(
                None, None, "Its secret cannot be decrypted with the keys of this instance. Rotate it.", 0
            )
        # Sign at the time of sending, since receivers reject requests older than some minutes.
        headers = signing.headers(secrets, claimed.id, timestamp=int(time.time()), body=body)
        return await self.sender.send(claimed.url, headers, body)
