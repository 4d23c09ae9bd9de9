"""The command `project limits`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from pydantic import ValidationError

from backend.config import Settings, settings
from backend.core.errors import Invalid, Problem
from backend.identity.auth.actors import operator
from backend.identity.limits import service
from backend.identity.limits.schemas import LimitRead, LimitsRead, LimitsUpdate, defaults_of
from backend.operations import database
from backend.operations.money_commands import project_id_of

Limit = str | None
INHERITED = "default"
"""The text that resets a limit to that of the instance."""

_ORIGINS = {"operator": "  (set for this project)", "project": "  (lowered by the project)"}
_HELP = f"A number, or {INHERITED!r} for the limit of the instance."


def register(project: typer.Typer) -> None:
    """Add this command to `puras-studio project`."""
    project.command("limits")(limits)


def limits(  # noqa: PLR0913 - one option for each limit
    project: Annotated[str, typer.Argument(help="ID or slug of the project.")],
    *,
    concurrency: Annotated[Limit, typer.Option(help=f"Concurrent jobs. {_HELP}")] = None,
    queued_jobs: Annotated[Limit, typer.Option(help=f"Pending jobs. {_HELP}")] = None,
    later_jobs: Annotated[Limit, typer.Option(help=f"Jobs that wait for their `run_at`. {_HELP}")] = None,
    deployments: Annotated[Limit, typer.Option(help=f"Versions of each skillpack. {_HELP}")] = None,
    api_keys: Annotated[Limit, typer.Option(help=_HELP)] = None,
    members: Annotated[Limit, typer.Option(help=_HELP)] = None,
    secrets: Annotated[
        Limit, typer.Option(help=f"Secrets of the project, and of each skillpack. {_HELP}")
    ] = None,
    skillpacks: Annotated[Limit, typer.Option(help=_HELP)] = None,
    drive_mb: Annotated[Limit, typer.Option(help=f"MiB in its drive. {_HELP}")] = None,
    drive_files: Annotated[Limit, typer.Option(help=f"Files and folders in its drive. {_HELP}")] = None,
    requests_per_minute: Annotated[
        Limit, typer.Option(help=f"Requests of all its keys together. {_HELP}")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the limits of a project, after setting the given ceilings."""
    typed = {
        "concurrency": concurrency,
        "queued_jobs": queued_jobs,
        "later_jobs": later_jobs,
        "deployments": deployments,
        "api_keys": api_keys,
        "members": members,
        "secrets": secrets,
        "skillpacks": skillpacks,
        "drive_mb": drive_mb,
        "drive_files": drive_files,
        "requests_per_minute": requests_per_minute,
    }
    texts = {name: value for name, value in typed.items() if value is not None}
    limits_read = asyncio.run(_limits(settings(), project, parse(texts)))
    if as_json:
        typer.echo(limits_read.model_dump_json())
        return
    for name in limits_read.ceilings:
        limit: LimitRead = getattr(limits_read, name)
        shown = "no limit" if limit.limit is None else f"{limit.limit:,}"
        origin = _ORIGINS.get(limits_read.set_by(name), "")
        typer.echo(f"{name:20} {shown:>12}{origin}")


def parse(texts: dict[str, str]) -> dict[str, int | None]:
    """Return the typed limits, validated as in the API.

    Raises:
        Invalid: A limit is not valid.
    """
    values = {name: None if text == INHERITED else text for name, text in texts.items()}
    try:
        update = LimitsUpdate.model_validate(values)
    except ValidationError as error:
        problems = [Problem(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        message = " ".join(f"--{one.path.replace('_', '-')}: {one.message}." for one in problems)
        raise Invalid(f"{message} Write a number, or {INHERITED!r}.", problems) from None
    changes: dict[str, int | None] = update.model_dump(exclude_unset=True)
    return changes


async def _limits(options: Settings, project: str, changes: dict[str, int | None]) -> LimitsRead:
    async with database.unit_of_work(options) as session:
        principal = operator(await project_id_of(session, project))
        if changes:
            await service.change(session, principal, changes, defaults_of(options))
        return LimitsRead.of(await service.limits_of(session, principal), defaults_of(options))
