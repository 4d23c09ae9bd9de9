"""Commands that maintain an instance: `migrate`, `doctor`, `setup-link`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from backend import embedded
from backend.config import Settings, settings
from backend.operations import database, doctor
from backend.operations.up.welcome import setup_link
from backend.sign_in import setup


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.command()(migrate)
    app.command("doctor")(examine)
    app.command("setup-link")(new_setup_link)


def migrate(
    to: Annotated[
        str, typer.Option(metavar="REVISION", help="Migrate back to an older revision, for an older release.")
    ] = "",
) -> None:
    """Migrate the database to the tables of this release, or back to those of an earlier release."""
    url = embedded.attach(settings()).direct_url
    revision = database.go_back(url, to) if to else database.migrate(url)
    typer.echo(f"The database is at revision {revision}.")


def examine(
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    on_supabase: Annotated[
        bool,
        typer.Option("--supabase", help="Also check the Supabase project, with a temporary test file."),
    ] = False,
    create_buckets: Annotated[
        bool,
        typer.Option("--create-buckets", help="With --supabase: create the missing private buckets."),
    ] = False,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Also request the model lists of the providers, which is free."),
    ] = False,
) -> None:
    """Report the problems of this instance and how to fix them; exit code 1 if a check fails."""
    report = doctor.examine(settings(), on_supabase=on_supabase, create_buckets=create_buckets, probe=probe)
    typer.echo(report.as_json() if as_json else report.as_text())
    raise typer.Exit(1 if report.has_failed else 0)


def new_setup_link() -> None:
    """Print a new one-time link to create the owner account; earlier links stop working."""
    typer.echo(asyncio.run(_new_setup_link(settings())))


async def _new_setup_link(options: Settings) -> str:
    async with database.unit_of_work(options) as session:
        return setup_link(options, await setup.issue(session))
