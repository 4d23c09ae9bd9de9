"""Webhooks that send messages for people: to a chat, and by e-mail over a real SMTP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr
from sqlalchemy import text

from backend.context import AppContext
from backend.execution.comments import service as comments
from backend.identity.preferences import service as preferences
from backend.identity.preferences.schemas import PreferencesUpdate
from backend.identity.webhook_outbox import outbox
from backend.integrations.webhooks.mailer import Mailer
from backend.integrations.webhooks.mention_email import send_due
from tests.integration.webhooks.conftest import Hooks

pytestmark = [
    # The server warns of passwords without TLS, and of its own deprecated attributes.
    pytest.mark.filterwarnings("ignore::UserWarning:aiosmtpd"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd"),
]
ADDRESS = "ops@example.org"


@dataclass
class Mailbox:
    """An SMTP server that accepts the e-mail of one user, and keeps it."""

    mails: list[EmailMessage] = field(default_factory=list)
    rejected: set[str] = field(default_factory=set)
    """Recipients that the server rejects."""

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept a recipient, or reject it."""
        if address in self.rejected:
            return "550 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep a message."""
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


def _authenticated(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any
) -> AuthResult:
    is_right = isinstance(login, LoginPassword) and login.password == b"pass word"
    return AuthResult(success=is_right, handled=is_right)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest_asyncio.fixture
async def smtp_port(mailbox: Mailbox) -> AsyncIterator[int]:
    """Run the SMTP server, and yield its port."""

    def connection() -> SMTP:
        return SMTP(mailbox, authenticator=_authenticated, auth_required=True, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1")
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest_asyncio.fixture
async def instance(instance: AppContext, smtp_port: int) -> AppContext:
    """Return the instance with the SMTP server."""
    url = SecretStr(f"smtp://puras:pass%20word@127.0.0.1:{smtp_port}")
    settings = instance.settings.model_copy(update={"smtp_url": url, "mail_from": "puras@example.org"})
    return replace(instance, settings=settings)


@pytest_asyncio.fixture
async def member(hooks: Hooks) -> str:
    """Add a member to the project, and return the URL for e-mail to it."""
    async with hooks.database.transaction() as session:
        await session.execute(
            text("""
            with made as (
              insert into users (id, email, name, password_hash, is_operator, created_at)
              values (gen_random_uuid(), :email, 'Ops', '', false, now()) returning id
            )
            insert into members (project_id, user_id, role, created_at)
            select :project_id, id, 'viewer', now() from made
            """),
            {"email": ADDRESS, "project_id": hooks.project.id},
        )
    return f"mailto:{ADDRESS}"


async def test_event_is_sent_by_email(hooks: Hooks, member: str, mailbox: Mailbox) -> None:
    hook = await hooks.make(url=member, format="email", events=["job.failed"])
    job_id = await hooks.job("failed")
    assert await hooks.send() == 1
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], delivery["response"]) == (
        "delivered",
        "The SMTP server has accepted the e-mail.",
    )
    (mail,) = mailbox.mails
    assert (mail["To"], mail["From"]) == (ADDRESS, "puras@example.org")
    assert mail["Subject"] == "[Acme] Job failed: double"
    assert mail["Message-ID"] == f"<{delivery['id']}@example.org>"
    assert f"https://studio.test/p/acme/jobs/{job_id}" in mail.get_content()


async def test_rejected_email_is_a_failed_attempt(hooks: Hooks, member: str, mailbox: Mailbox) -> None:
    hook = await hooks.make(url=member, format="email")
    mailbox.rejected.add(ADDRESS)
    await hooks.send_test_events(hook)
    await hooks.send()
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], delivery["response_code"]) == ("pending", 550)
    assert delivery["error"] == "The SMTP server rejected the recipient with 550: No such mailbox"
    mailbox.rejected.clear()
    await hooks.make_due()
    await hooks.send()
    assert [one["Subject"] for one in mailbox.mails] == ["[Acme] Test of this notification"]


async def test_member_who_refuses_a_kind_of_email_gets_the_others(
    hooks: Hooks, member: str, mailbox: Mailbox
) -> None:
    hook = await hooks.make(url=member, format="email", events=["job.failed", "job.waiting"])
    async with hooks.database.transaction() as session:
        found = await session.execute(text("select id from users where email = :email"), {"email": ADDRESS})
        refused = PreferencesUpdate(email_approvals=False)
        await preferences.change(session, found.scalar_one(), refused)
        data = {"job_id": str(uuid4()), "skill": "double"}
        await outbox.record(session, hooks.project.id, "job.waiting", data, skill="double")
    await hooks.send()
    (delivery,) = await hooks.deliveries(hook)
    assert delivery["status"] == "delivered"
    assert delivery["response"] == "Not sent: the recipient has turned off e-mail about such events."
    assert mailbox.mails == []
    await hooks.job("failed")
    await hooks.send()
    assert [one["Subject"] for one in mailbox.mails] == ["[Acme] Job failed: double"]


async def test_former_member_gets_no_email(hooks: Hooks, member: str, mailbox: Mailbox) -> None:
    hook = await hooks.make(url=member, format="email")
    async with hooks.database.transaction() as session:
        await session.execute(
            text("delete from members where user_id = (select id from users where email = :email)"),
            {"email": ADDRESS},
        )
    await hooks.send_test_events(hook)
    await hooks.send()
    (delivery,) = await hooks.deliveries(hook)
    assert delivery["error"] == "The recipient is no longer a member of the project."
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mailto:other@example.org", "is not the e-mail address of a member of this project"),
        ("https://example.org/hook", "is not an e-mail address"),
        ("mailto:ops@example.org,other@example.org", "is not the e-mail address of a member"),
        ("mailto:ops@example.org\r\nBcc: other@example.org", "is not the e-mail address of a member"),
    ],
)
async def test_only_members_can_be_recipients(hooks: Hooks, member: str, url: str, message: str) -> None:
    response = await hooks.project.http.post("/v1/webhooks", json={"url": url, "format": "email"})
    assert response.status_code == 422
    assert message in response.json()["detail"]


async def test_instance_without_smtp_server_accepts_no_recipients(hooks: Hooks, member: str) -> None:
    settings = hooks.instance.settings.model_copy(update={"smtp_url": None})
    object.__setattr__(hooks.instance, "settings", settings)
    response = await hooks.project.http.post("/v1/webhooks", json={"url": member, "format": "email"})
    assert response.status_code == 422
    assert "PURAS_SMTP_URL" in response.json()["detail"]


async def test_event_is_sent_to_a_chat(hooks: Hooks) -> None:
    hook = await hooks.make("/services/T0/B0/x", format="slack", events=["job.failed"])
    async with hooks.database.transaction() as session:
        await session.execute(text("update projects set name = '<!channel> & friends'"))
    job_id = await hooks.job("failed")
    await hooks.send()
    (received,) = hooks.receiver.at("/services/T0/B0/x")
    assert json.loads(received.body) == {
        "text": "*[&lt;!channel&gt; &amp; friends] Job failed: double*\n"
        f"https://studio.test/p/acme/jobs/{job_id}"
    }
    assert "webhook-signature" not in received.headers
    assert (await hooks.deliveries(hook))[0]["status"] == "delivered"


async def comment_of(hooks: Hooks, body: str = "Wrong order, @ops") -> Any:
    """Write a comment on a job that has failed."""
    path = f"/v1/jobs/{await hooks.job('failed')}/comments"
    response = await hooks.project.http.post(path, json={"body": body})
    assert response.status_code == 201, response.text
    return response.json()


async def send_mentions(hooks: Hooks, mailer: Mailer | None = None) -> int:
    """Send the e-mail about mentions that is due now or later."""
    async with hooks.database.transaction() as session:
        await session.execute(text("update mention_emails set next_at = now()"))
    return await send_due(
        hooks.database, mailer or Mailer.of(hooks.instance.settings), "https://studio.test/"
    )


async def waiting_emails(hooks: Hooks) -> int:
    async with hooks.database.reading() as session:
        found = await session.execute(text("select count(*) from mention_emails"))
        return int(found.scalar_one())


async def test_mentioned_member_gets_an_email_without_a_webhook(
    hooks: Hooks, member: str, mailbox: Mailbox
) -> None:
    comment = await comment_of(hooks)
    assert await send_mentions(hooks) == 1
    (mail,) = mailbox.mails
    assert (mail["To"], mail["From"]) == (ADDRESS, "puras@example.org")
    assert mail["Subject"] == f"[Acme] {comment['created_by']} mentions you in a comment"
    link = f"https://studio.test/p/acme/jobs/{comment['job_id']}?tab=comments#comment-{comment['id']}"
    assert link in mail.get_content()
    assert "Wrong order" not in mail.get_content()
    path = f"/v1/jobs/{comment['job_id']}/comments/{comment['id']}"
    assert (await hooks.project.http.patch(path, json={"body": "Right order, @ops"})).status_code == 200
    assert await send_mentions(hooks) == 0


async def test_line_break_in_the_name_of_a_project_is_no_header(
    hooks: Hooks, member: str, mailbox: Mailbox
) -> None:
    renamed = await hooks.project.http.patch(
        "/v1/projects/acme", json={"name": "Acme\r\nBcc: other@example.org"}
    )
    assert renamed.status_code == 200, renamed.text
    await comment_of(hooks)
    assert (await send_mentions(hooks), await waiting_emails(hooks)) == (1, 0)
    (mail,) = mailbox.mails
    assert mail["Subject"].startswith("[Acme Bcc: other@example.org] ")
    assert mail["Bcc"] is None


async def test_author_of_many_comments_sends_no_more_email(
    hooks: Hooks, member: str, mailbox: Mailbox
) -> None:
    comment = await comment_of(hooks)
    path = f"/v1/jobs/{comment['job_id']}/comments/{comment['id']}"
    for at in range(1, comments.MAX_EMAIL_WRITES + 3):
        assert await send_mentions(hooks) == (1 if at % 2 and at <= comments.MAX_EMAIL_WRITES else 0), at
        body = "@ops" if at % 2 == 0 else "No mention"
        assert (await hooks.project.http.patch(path, json={"body": body})).status_code == 200
    assert len(mailbox.mails) == comments.MAX_EMAIL_WRITES / 2
    async with hooks.database.transaction() as session:
        await session.execute(text("update audit_rows set at = at - interval '1 hour'"))
    await comment_of(hooks)
    assert await send_mentions(hooks) == 1


async def test_rejected_email_about_a_mention_is_sent_again(
    hooks: Hooks, member: str, mailbox: Mailbox
) -> None:
    mailbox.rejected.add(ADDRESS)
    await comment_of(hooks)
    assert (await send_mentions(hooks), mailbox.mails) == (1, [])
    instance = hooks.instance.settings
    assert await send_due(hooks.database, Mailer.of(instance), "") == 0  # the next attempt is later
    mailbox.rejected.clear()
    assert (await send_mentions(hooks), len(mailbox.mails)) == (1, 1)
    mailbox.rejected.add(ADDRESS)
    await comment_of(hooks)
    async with hooks.database.transaction() as session:
        await session.execute(text("update mention_emails set created_at = now() - interval '4 days'"))
    assert (await send_mentions(hooks), await waiting_emails(hooks)) == (1, 0)


@pytest.mark.parametrize("case", ["preference", "former member", "own webhook", "deleted", "no server"])
async def test_email_about_a_mention_is_not_sent(
    hooks: Hooks, member: str, mailbox: Mailbox, case: str
) -> None:
    if case == "own webhook":
        await hooks.make(url=member, format="email", events=["comment.mentioned"])
    comment = await comment_of(hooks)
    assert await waiting_emails(hooks) == (0 if case == "own webhook" else 1)
    async with hooks.database.transaction() as session:
        user = "(select id from users where email = :email)"
        if case == "preference":
            found = await session.execute(text(f"select {user}"), {"email": ADDRESS})
            await preferences.change(session, found.scalar_one(), PreferencesUpdate(email_mentions=False))
        elif case == "former member":
            await session.execute(text(f"delete from members where user_id = {user}"), {"email": ADDRESS})
    if case == "deleted":
        path = f"/v1/jobs/{comment['job_id']}/comments/{comment['id']}"
        assert (await hooks.project.http.delete(path)).status_code == 204
    if case == "no server":
        assert await send_due(hooks.database, None, "") == 1
    else:
        await send_mentions(hooks)
    assert (mailbox.mails, await waiting_emails(hooks)) == ([], 0)
