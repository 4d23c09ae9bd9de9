"""Commands with which things leave: `project delete`, `project undelete`, `user delete`, `retention`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from backend import embedded
from backend.administration.projects import deletion
from backend.administration.projects.deletion import Deleted
from backend.administration.retention.forecast import Going, forecast
from backend.administration.retention.rules import Rules
from backend.config import Settings, settings
from backend.core import logs
from backend.housekeeping import tidy
from backend.identity.auth import user_deletion
from backend.identity.auth.actors import operator
from backend.identity.auth.errors import ProjectNotFound
from backend.marketplace.following import taken_down
from backend.operations import database
from backend.operations.errors import NoDeletedProject
from backend.operations.money_commands import project_id_of
from backend.startup import open_context

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the command of its own to the operator's CLI."""
    app.command("retention")(retain)


def register_project(app: typer.Typer) -> None:
    """Add the commands about projects to theirs."""
    app.command("delete")(delete_project)
    app.command("undelete")(undelete_project)


def register_user(app: typer.Typer) -> None:
    """Add the command about people to theirs."""
    app.command("delete")(delete_user)


def delete_project(
    project: Annotated[str, typer.Argument(help="Id or slug of the project.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a project: its jobs are cancelled and its keys stop working at once; the rest goes some days later."""
    days = settings().keep_deleted_projects_days
    if not yes:
        typer.confirm(f"Delete project {project}, and everything of it after {days} days?", abort=True)
    deleted = asyncio.run(_delete_project(settings(), project))
    if as_json:
        _print(
            {"project_id": deleted.project_id, "cancelled_jobs": deleted.cancelled_jobs, "kept_days": days}
        )
        return
    typer.echo(
        f"Project {deleted.slug} ({deleted.project_id}) is deleted; {deleted.cancelled_jobs} jobs were cancelled. For "
        f"{days} days it can be brought back: puras-studio project undelete {deleted.project_id}"
    )


def undelete_project(
    project: Annotated[str, typer.Argument(help="Id of the project, or the slug that it had.")],
    slug: Annotated[str | None, typer.Option(help="Its slug from now on, when its own is taken.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a deleted project back, as long as nothing of it was removed."""
    project_id, now_slug, listings = asyncio.run(_undelete_project(settings(), project, slug))
    if as_json:
        _print({"project_id": project_id, "slug": now_slug, "taken_down_listings": listings})
        return
    typer.echo(f"Project {now_slug} ({project_id}) is back, with the keys that worked when it was deleted.")
    if listings:
        typer.echo(
            f"Its listings stay taken down: {', '.join(listings)}. An admin of the project publishes them again in the "
            "studio, under Marketplace."
        )


def delete_user(
    email: Annotated[str, typer.Argument(help="E-mail address of the account.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete an account with its sessions and memberships; what it did stays in the audit."""
    if not yes:
        typer.confirm(f"Delete the account of {email}?", abort=True)
    user_id = asyncio.run(_delete_user(settings(), email))
    if as_json:
        _print({"user_id": user_id, "email": email})
        return
    typer.echo(f"The account of {email} is deleted.")


def retain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove now what is older than the settings keep; a running instance does it by itself, every hour."""
    options = settings()
    logs.configure(options.log_level, options.log_format)
    going = asyncio.run(_forecast(options))
    if not dry_run:
        asyncio.run(_tidy(options))
    if as_json:
        _print({"dry_run": dry_run, "going": [one._asdict() for one in going]})
        return
    verb = "would go" if dry_run else "went, or are on their way"
    for one in going:
        about = "" if one.is_exact else "about "
        typer.echo(f"{one.what} from before {one.before:%Y-%m-%d}: {about}{one.rows:,} {verb}")


async def _delete_project(options: Settings, project: str) -> Deleted:
    async with open_context(options) as context, context.database.transaction() as session:
        return await deletion.delete(session, operator(await project_id_of(session, project)))


async def _undelete_project(options: Settings, project: str, slug: str | None) -> tuple[Any, str, list[str]]:
    async with database.unit_of_work(options) as session:
        try:
            back = await deletion.undelete(session, project, slug=slug)
        except ProjectNotFound:
            raise NoDeletedProject(project) from None
        return back.id, back.slug, await taken_down(session, back.id)


async def _delete_user(options: Settings, email: str) -> Any:
    async with database.unit_of_work(options) as session:
        return await user_deletion.delete(session, email)


async def _forecast(options: Settings) -> list[Going]:
    async with database.unit_of_work(options) as session:
        return await forecast(session, Rules.of(options))


async def _tidy(options: Settings) -> None:
    database.server_major(embedded.attach(options).database_url)  # says so when it does not answer
    async with open_context(options) as context:
        while await tidy(context.database, context.storage, Rules.of(options)):
            pass


def _print(facts: dict[str, Any]) -> None:
    typer.echo(json.dumps(facts, default=str))
