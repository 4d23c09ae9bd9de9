"""Settings of the server that sends e-mail."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from backend.config.group import Group

SMTP_PORTS = {"smtp": 587, "smtps": 465}
"""The default port of each scheme."""


class Mail(Group):
    """The SMTP server for e-mail of webhooks and about mentions in comments. Without it, no e-mail is sent."""

    smtp_url: SecretStr | None = None
    """`smtps://user:password@host:465`, or `smtp://…:587`, which uses STARTTLS if the server offers it. A password is
    sent only over TLS, except to the same host."""

    mail_from: str | None = Field(default=None, max_length=320)
    """The address from which e-mail is sent: `puras@example.org`. Required with `PURAS_SMTP_URL`."""

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or not url.get_secret_value():
            return None
        try:
            parts = urlsplit(url.get_secret_value())
            is_server = parts.scheme in SMTP_PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_server = False
        if not is_server:
            raise ValueError(
                "is not the URL of an SMTP server: write 'smtps://user:password@host' or 'smtp://host:25'"
            )
        return url

    @model_validator(mode="after")
    def _has_sender(self) -> Self:
        if self.smtp_url is not None and not (self.mail_from and "@" in self.mail_from):
            raise ValueError("PURAS_SMTP_URL requires PURAS_MAIL_FROM, such as puras@example.org")
        return self
