"""Commands that maintain an instance: `migrate`, `doctor`, `support-bundle`, `setup-link`, `prices`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from backend import embedded
from backend.administration.admin import support
from backend.config import Settings, settings
from backend.core.errors import PurasError
from backend.operations import database, doctor, model_prices
from backend.operations.up.welcome import setup_link
from backend.sign_in import setup
from backend.skills.model_catalog import catalog


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.command()(migrate)
    app.command("doctor")(examine)
    app.command("support-bundle")(write_support_bundle)
    app.command("setup-link")(new_setup_link)
    app.command("prices")(compare_prices)


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


def write_support_bundle(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")] = Path(support.NAME),
) -> None:
    """Write a file with versions, settings without secrets, checks and state, to report problems."""
    files = asyncio.run(_support_files(settings()))
    out.write_bytes(support.as_zip(files))
    typer.echo(f"Written to {out}. It contains no secrets. Read it before you send it.")


async def _support_files(options: Settings) -> dict[str, Any]:
    """Return the files of the bundle; without a database, those that do not need it."""
    try:
        async with database.unit_of_work(options) as session:
            files = await support.collect(session, options)
    except PurasError as error:
        files = {
            "about.json": support.about(),
            "settings.json": support.shown_settings(options),
            "database.json": {"error": error.detail},
        }
    report = await asyncio.to_thread(doctor.examine, options)
    return files | {"doctor.json": json.loads(report.as_json())}


def compare_prices(
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Request the newest prices of the package's maintainers first."),
    ] = False,
    url: Annotated[
        str,
        typer.Option("--from", metavar="URL", help="With --refresh: request them from a copy at this URL."),
    ] = "",
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the models with other prices to a file for PURAS_MODELS."),
    ] = None,
) -> None:
    """Compare the prices of the model catalog with those of the package genai-prices."""
    file = settings().models
    known = catalog.read(Path(file) if file else None)
    try:
        prices, source = model_prices.snapshot(is_refreshed=refresh or bool(url), url=url or None)
    except model_prices.NotRefreshed as error:
        typer.echo(
            f"The newest prices cannot be requested: {error}.\nOn a host without access to it, install a newer release "
            f"of {model_prices.PACKAGE} from your package index and omit --refresh, or name a copy with --from URL.",
            err=True,
        )
        raise typer.Exit(1) from None
    compared = list(model_prices.compare(list(known.models.values()), known.endpoints, prices))
    typer.echo(f"Prices of {source}, in US dollars per million tokens: input / output")
    for line in model_prices.lines(compared):
        typer.echo(line)
    if write is not None:
        write.write_text(model_prices.as_catalog_file(compared, source), encoding="utf-8")
        typer.echo(f"Written to {write}. Set PURAS_MODELS to this file, or copy its tables into yours.")


def new_setup_link() -> None:
    """Print a new one-time link to create the owner account; earlier links stop working."""
    typer.echo(asyncio.run(_new_setup_link(settings())))


async def _new_setup_link(options: Settings) -> str:
    async with database.unit_of_work(options) as session:
        return setup_link(options, await setup.issue(session))
