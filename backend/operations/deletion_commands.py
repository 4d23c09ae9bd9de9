"""Commands that delete: `project delete`, `project undelete`, `user delete`, `retention`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from backend import embedded
from backend.administration.projects import deletion
from backend.administration.projects.deletion import Deleted
from backend.administration.retention.forecast import Expired, forecast
from backend.administration.retention.rules import Rules
from backend.config import Settings, settings
from backend.core import logs
from backend.housekeeping import clean_up
from backend.identity.auth.accounts import user_deletion
from backend.identity.auth.actors import operator
from backend.identity.auth.errors import ProjectNotFound
from backend.marketplace.listing_versions import taken_down
from backend.operations import database
from backend.operations.errors import NoDeletedProject
from backend.operations.money_commands import project_id_of
from backend.startup import open_context

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def register(app: typer.Typer) -> None:
    """Add the command `retention` to the operator's CLI."""
    app.command("retention")(delete_expired)


def register_project(app: typer.Typer) -> None:
    """Add these commands to `puras-studio project`."""
    app.command("delete")(delete_project)
    app.command("undelete")(undelete_project)


def register_user(app: typer.Typer) -> None:
    """Add this command to `puras-studio user`."""
    app.command("delete")(delete_user)


def delete_project(
    project: Annotated[str, typer.Argument(help="ID or slug of the project.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a project: cancel its jobs and disable its keys immediately, and remove its data some days later."""
    days = settings().keep_deleted_projects_days
    if not yes:
        typer.confirm(f"Delete project {project}, and all its data after {days} days?", abort=True)
    deleted = asyncio.run(_delete_project(settings(), project))
    if as_json:
        _print(
            {"project_id": deleted.project_id, "cancelled_jobs": deleted.cancelled_jobs, "kept_days": days}
        )
        return
    typer.echo(
        f"Project {deleted.slug} ({deleted.project_id}) is deleted; {deleted.cancelled_jobs} jobs were cancelled. For "
        f"{days} days it can be restored: puras-studio project undelete {deleted.project_id}"
    )


def undelete_project(
    project: Annotated[str, typer.Argument(help="ID of the project, or the slug that it had.")],
    slug: Annotated[str | None, typer.Option(help="New slug, when its previous one is taken.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a deleted project, as long as none of its data was removed."""
    project_id, current_slug, listings = asyncio.run(_undelete_project(settings(), project, slug))
    if as_json:
        _print({"project_id": project_id, "slug": current_slug, "taken_down_listings": listings})
        return
    typer.echo(
        f"Project {current_slug} ({project_id}) is restored, with the keys that worked when it was deleted."
    )
    if listings:
        typer.echo(
            f"Its listings remain taken down: {', '.join(listings)}. An admin of the project can publish them again in "
            "the studio, under Marketplace."
        )


def delete_user(
    email: Annotated[str, typer.Argument(help="E-mail address of the account.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete an account with its sessions and memberships; its audit entries remain."""
    if not yes:
        typer.confirm(f"Delete the account of {email}?", abort=True)
    user_id = asyncio.run(_delete_user(settings(), email))
    if as_json:
        _print({"user_id": user_id, "email": email})
        return
    typer.echo(f"The account of {email} is deleted.")


def delete_expired(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be deleted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete data past its retention period now; a running instance does this every hour."""
    options = settings()
    logs.configure(options.log_level, options.log_format)
    expired_rows = asyncio.run(_forecast(options))
    if not dry_run:
        asyncio.run(_clean_up(options))
    if as_json:
        _print({"dry_run": dry_run, "going": [_as_json(one) for one in expired_rows]})
        return
    verb = "would be deleted" if dry_run else "deleted, or queued for deletion"
    for one in expired_rows:
        about = "" if one.is_exact else "about "
        typer.echo(f"{one.name} from before {one.cutoff:%Y-%m-%d}: {about}{one.rows:,} {verb}")


async def _delete_project(options: Settings, project: str) -> Deleted:
    async with open_context(options) as context, context.database.transaction() as session:
        return await deletion.delete(session, operator(await project_id_of(session, project)))


async def _undelete_project(options: Settings, project: str, slug: str | None) -> tuple[Any, str, list[str]]:
    async with database.unit_of_work(options) as session:
        try:
            restored = await deletion.undelete(session, project, slug=slug)
        except ProjectNotFound:
            raise NoDeletedProject(project) from None
        return restored.id, restored.slug, await taken_down(session, restored.id)


async def _delete_user(options: Settings, email: str) -> Any:
    async with database.unit_of_work(options) as session:
        return await user_deletion.delete(session, email)


async def _forecast(options: Settings) -> list[Expired]:
    async with database.unit_of_work(options) as session:
        return await forecast(session, Rules.of(options))


async def _clean_up(options: Settings) -> None:
    database.server_major(
        embedded.attach(options).database_url
    )  # raises an error if the database is unavailable
    async with open_context(options) as context:
        while await clean_up(context.database, context.storage, Rules.of(options)):
            pass


def _as_json(expired: Expired) -> dict[str, Any]:
    """Return the keys that scripts read."""
    return {
        "what": expired.name,
        "rows": expired.rows,
        "before": expired.cutoff,
        "is_exact": expired.is_exact,
    }


def _print(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, default=str))
