"""Send one message by e-mail over the SMTP server of the operator."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from backend.config import Settings
from backend.config.mail import SMTP_PORTS
from backend.core.clock import now
from backend.integrations.webhooks.messages import Message
from backend.integrations.webhooks.sending import MAX_S, Sent

_MAX_REASON: Final = 300
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends e-mail; each message has a connection of its own, since there are few."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    sender: str

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the mailer that is configured; None without one."""
        if settings.smtp_url is None or settings.mail_from is None:
            return None
        parts = urlsplit(settings.smtp_url.get_secret_value())
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port or SMTP_PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=settings.mail_from,
        )

    async def send(self, address: str, message: Message, *, message_id: str) -> Sent:
        """Send a message; a failure is part of the result.

        Args:
            address: The recipient.
            message: The message.
            message_id: ID of the delivery, the same in each attempt, so that mail programs can recognize a repetition.
        """
        mail = self._mail(address, message, message_id)
        started = time.monotonic()
        code, answer, error = None, None, None
        try:
            answer = await asyncio.to_thread(self._send, mail)
        except smtplib.SMTPResponseException as exception:
            code, answer = exception.smtp_code, _text(exception.smtp_error)
            error = f"The SMTP server responded with {code}: {answer}"[:_MAX_REASON]
        except smtplib.SMTPRecipientsRefused as exception:
            code, reason = exception.recipients[address]
            error = f"The SMTP server rejected the recipient with {code}: {_text(reason)}"[:_MAX_REASON]
        except (smtplib.SMTPException, OSError) as exception:
            error = f"The e-mail was not sent ({type(exception).__name__}): {exception}"[:_MAX_REASON]
        return Sent(code, answer, error, int((time.monotonic() - started) * 1000))

    def _mail(self, address: str, message: Message, message_id: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, address, message.title
        mail["Date"] = format_datetime(now())
        mail["Message-ID"] = (
            f"<{message_id}@{self.sender.rpartition('@')[2]}>" if message_id else make_msgid()
        )
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n".join([message.title, "", *message.lines, "", message.url, ""]))
        return mail

    def _send(self, mail: EmailMessage) -> str:
        """Send the mail in this thread, and return what the server has answered."""
        server = self._connected()
        try:
            if self.user:
                server.login(self.user, self.password)
            server.send_message(mail)
            return "The SMTP server has accepted the e-mail."
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()

    def _connected(self) -> smtplib.SMTP:
        tls = ssl.create_default_context()
        if self.scheme == "smtps":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=MAX_S, context=tls)
        server = smtplib.SMTP(self.host, self.port, timeout=MAX_S)
        try:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=tls)
                server.ehlo()
            elif self.user and self.host not in _LOOPBACK:
                raise smtplib.SMTPNotSupportedError(
                    "it offers no STARTTLS, and the password is not sent without TLS"
                )
        except BaseException:
            server.close()
            raise
        return server


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
