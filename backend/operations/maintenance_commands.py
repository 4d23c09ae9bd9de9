"""Commands that maintain an instance: `migrate`, `doctor`, `setup-link`, `prices`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from backend import embedded
from backend.config import Settings, settings
from backend.operations import database, doctor, model_prices
from backend.operations.up.welcome import setup_link
from backend.sign_in import setup
from backend.skills.model_catalog import catalog


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.command()(migrate)
    app.command("doctor")(examine)
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
