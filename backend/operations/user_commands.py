"""Commands for projects and users; other modules of this folder add more of them."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select
from sqlmodel import col

from backend.administration.projects import creation
from backend.config import Settings, settings
from backend.config.quotas import CONCURRENCY
from backend.execution.jobs import lanes
from backend.identity.api_keys import keys
from backend.identity.auth.accounts import users
from backend.identity.auth.actors import OPERATOR_LABEL, operator
from backend.identity.auth.membership import ROLES
from backend.identity.auth.principal import Role
from backend.identity.projects import members
from backend.identity.tables import Project
from backend.money.ledger import service as ledger
from backend.operations import account_commands, database, deletion_commands, limits
from backend.operations.backup import project_archive
from backend.operations.money_commands import Usd, micros, project_id_of


@dataclass(frozen=True, slots=True)
class NewProject:
    """A new project with its first key."""

    project_id: UUID
    slug: str
    api_key: str


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project as the command lists it."""

    project_id: str
    slug: str
    """Slug; of a deleted project, its former slug."""
    name: str
    deleted_at: str | None


class MemberRole(StrEnum):
    """Roles on the command line."""

    owner = "owner"
    admin = "admin"
    developer = "developer"
    viewer = "viewer"


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    project = typer.Typer(help="Manage projects.", no_args_is_help=True)
    project.command("list")(list_projects)
    project.command("create")(create_project)
    project.command("lane")(grant_lane)
    project.command("member")(add_member)
    limits.register(project)
    deletion_commands.register_project(project)
    project_archive.register(project)
    app.add_typer(project, name="project")
    user = typer.Typer(help="Manage users.", no_args_is_help=True)
    user.command("create")(create_user)
    account_commands.register(user)
    deletion_commands.register_user(user)
    app.add_typer(user, name="user")


def create_project(
    name: Annotated[str, typer.Argument(help="Display name.")],
    slug: Annotated[
        str | None, typer.Option(help="Short name in URLs. Default: derived from the name.")
    ] = None,
    credit_usd: Annotated[Usd, typer.Option(help="US dollars to add to its wallet.")] = "0",
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Maximum jobs that are ready or running at the same time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Create a project with an API key, which is shown only once."""
    created = asyncio.run(
        create_with_key(
            settings(), name=name, slug=slug, credit_micros=micros(credit_usd), concurrency=concurrency
        )
    )
    if as_json:
        typer.echo(
            json.dumps(
                {"project_id": str(created.project_id), "slug": created.slug, "api_key": created.api_key}
            )
        )
        return
    typer.echo(f"Project {created.slug} ({created.project_id})\nAPI key, shown only once: {created.api_key}")


def list_projects(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List all projects, with those that were deleted and can be restored."""
    found = asyncio.run(_list_projects(settings()))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        typer.echo(
            f"{one.project_id}  {one.slug}  {'deleted ' + one.deleted_at[:10] if one.deleted_at else ''}".rstrip()
        )
    typer.echo(f"{len(found)} project{'s' if len(found) != 1 else ''}.")


async def create_with_key(
    options: Settings, *, name: str, slug: str | None, credit_micros: int, concurrency: int | None = None
) -> NewProject:
    """Create a project with credit and a first key.

    Raises:
        SlugTaken: Another project has the slug.
        Invalid: The name, the slug or the amount is not valid.
    """
    async with database.unit_of_work(options) as session:
        limit = concurrency or options.project_concurrency
        project = await creation.create(session, name=name, slug=slug, concurrency_limit=limit)
        if concurrency is not None:
            project.limits = {CONCURRENCY: concurrency}
        if credit_micros:
            await ledger.top_up(
                session,
                project_id=project.id,
                amount_micros=credit_micros,
                note="first credit",
                created_by=OPERATOR_LABEL,
            )
        key = await keys.create(session, None, project_id=project.id, kind="secret", name="first key")
        return NewProject(project_id=project.id, slug=project.slug, api_key=key.plaintext)


def grant_lane(
    project: Annotated[str, typer.Argument(help="ID or slug of the project.")],
    lane: Annotated[str, typer.Argument(help="Name of the lane, as in PURAS_LANES.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the access.")] = False,
) -> None:
    """Allow a project to use the workers of a lane."""
    asyncio.run(_grant_lane(settings(), project, lane, revoke=revoke))
    typer.echo(f"Project {project} may {'no longer ' if revoke else ''}use the lane {lane}.")


def add_member(
    project: Annotated[str, typer.Argument(help="ID or slug of the project.")],
    email: Annotated[str, typer.Argument(help="E-mail address of a user with an account.")],
    role: Annotated[MemberRole, typer.Option(help="Role of the member.")] = MemberRole.developer,
) -> None:
    """Add a user to a project; this also works for a project without members."""
    asyncio.run(_add_member(settings(), project, email, ROLES[role.value]))
    typer.echo(f"{email} is {role.value} of {project}.")


async def _add_member(options: Settings, project: str, email: str, role: Role) -> None:
    async with database.unit_of_work(options) as session:
        principal = operator(await project_id_of(session, project))
        await members.add(session, principal, email=email, role=role)


async def _list_projects(options: Settings) -> list[ListedProject]:
    query = select(Project).where(col(Project.purged_at).is_(None)).order_by(col(Project.created_at))
    async with database.unit_of_work(options) as session:
        rows = (await session.scalars(query)).all()
    return [
        ListedProject(
            str(row.id),
            row.former_slug or row.slug,
            row.name,
            row.deleted_at.isoformat() if row.deleted_at else None,
        )
        for row in rows
    ]


async def _grant_lane(options: Settings, project: str, lane: str, *, revoke: bool) -> None:
    async with database.unit_of_work(options) as session:
        change = lanes.revoke if revoke else lanes.grant
        await change(session, await project_id_of(session, project), lane)


def create_user(
    email: Annotated[str, typer.Argument(help="E-mail address to sign in with.")],
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    is_operator: Annotated[
        bool, typer.Option("--operator", help="Allow the user to administer the instance.")
    ] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Create an account; the command asks for the password, which is never an argument."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    user_id = asyncio.run(_create_user(settings(), email, password, name=name, is_operator=is_operator))
    typer.echo(
        json.dumps({"user_id": str(user_id), "email": email}) if as_json else f"User {email} ({user_id})"
    )


async def _create_user(options: Settings, email: str, password: str, *, name: str, is_operator: bool) -> UUID:
    async with database.unit_of_work(options) as session:
        user = await users.create(session, email=email, password=password, name=name, is_operator=is_operator)
        return user.id
