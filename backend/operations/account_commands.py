"""Commands for user accounts: `user sessions`, `user sign-out`, `user reset-password`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

import typer

from backend.config import Settings, settings
from backend.identity.auth.accounts import passwords, sessions, users
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.operations import database

Email = Annotated[str, typer.Argument(help="E-mail address of the user.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session as the command lists it."""

    id: str
    address: str
    user_agent: str
    created_at: str
    last_seen_at: str


def register(user: typer.Typer) -> None:
    """Add these commands to `puras-studio user`."""
    user.command("sessions")(list_sessions)
    user.command("sign-out")(sign_out)
    user.command("reset-password")(reset_password)


def list_sessions(email: Email, as_json: AsJson = False) -> None:
    """List the sessions of a user."""
    listed = asyncio.run(_sessions(settings(), email))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in listed]))
        return
    for one in listed:
        typer.echo(f"{one.id}  {one.last_seen_at}  {one.address or 'address unknown'}  {one.user_agent}")
    typer.echo(f"{len(listed)} session{'s' if len(listed) != 1 else ''}.")


def sign_out(
    email: Email,
    session: Annotated[UUID | None, typer.Option(help="ID of the session to end. Default: all.")] = None,
) -> None:
    """End the sessions of a user, in one browser or in all."""
    ended = asyncio.run(_sign_out(settings(), email, session))
    typer.echo(f"Ended {ended} session{'s' if ended != 1 else ''} of {email}.")


def reset_password(email: Email) -> None:
    """Print a one-time link, valid for an hour, to set a new password; using it ends all sessions of the user."""
    typer.echo(asyncio.run(_reset_password(settings(), email)))


async def _sessions(options: Settings, email: str) -> list[ListedSession]:
    async with database.unit_of_work(options) as session:
        user = await users.get_by_email(session, email)
        return [
            ListedSession(
                id=str(row.id),
                address=row.address,
                user_agent=_printable(row.user_agent),
                created_at=row.created_at.isoformat(),
                last_seen_at=row.last_seen_at.isoformat(),
            )
            for row in await sessions.list_active(session, user.id)
        ]


async def _sign_out(options: Settings, email: str, session_id: UUID | None) -> int:
    async with database.unit_of_work(options) as session:
        user = await users.get_by_email(session, email)
        if session_id is None:
            return await sessions.revoke_all(session, user.id, by=OPERATOR_LABEL)
        await sessions.revoke(session, user.id, session_id, by=OPERATOR_LABEL)
        return 1


async def _reset_password(options: Settings, email: str) -> str:
    async with database.unit_of_work(options) as session:
        return passwords.reset_link(options.url, await passwords.issue_reset(session, email))


def _printable(text: str) -> str:
    """Return the text without control characters, since a browser chooses its user agent."""
    return "".join(character for character in text if character.isprintable())
