"""The command `project export`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer

from backend.administration.projects import export
from backend.config import Settings, settings
from backend.identity.auth.actors import operator
from backend.operations.backup.errors import BackupExists, BackupUnreadable
from backend.operations.money_commands import project_id_of
from backend.startup import open_context


def register(app: typer.Typer) -> None:
    """Add this command to `puras-studio project`."""
    app.command("export")(export_project)


def export_project(
    project: Annotated[str, typer.Argument(help="ID or slug of the project.")],
    path: Annotated[Path, typer.Argument(help="File to write.")],
) -> None:
    """Write all data of one project into a file, without values of secrets: rows, bundles, drive."""
    size_bytes = asyncio.run(_export(settings(), project, path.expanduser().absolute()))
    typer.echo(f"{path}: {size_bytes / 2**20:,.1f} MiB.")


async def _export(options: Settings, project: str, path: Path) -> int:
    if path.exists():
        raise BackupExists(path)
    draft = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        async with open_context(options) as context:
            async with context.database.transaction() as session:
                principal = operator(await project_id_of(session, project))
            archive = await export.start(context, principal)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                async for chunk in archive.chunks():
                    file.write(chunk)
        draft.rename(path)
    except OSError as error:
        raise BackupUnreadable(path, error.strerror or str(error)) from None
    finally:
        draft.unlink(missing_ok=True)
    return path.stat().st_size
