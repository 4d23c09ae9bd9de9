"""Commands for the wallets and the ledger: `topup`, `audit`."""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config import Settings, settings
from backend.core.errors import Invalid
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.identity.tables import Project
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from backend.operations import database
from backend.operations.errors import NoSuchProject

Usd = str
"""US dollars as typed, read as an exact decimal and not as a float."""
MICROS_PER_USD = 1_000_000
_AMOUNT = re.compile(r"\$?[0-9]{1,12}(\.[0-9]{1,6})?")


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.command("topup")(top_up)
    app.command("audit")(verify_ledger)


def micros(usd: Usd) -> int:
    """Return the amount in micro-dollars.

    Raises:
        Invalid: The text is not an amount, is negative, or has more than six decimals.
    """
    if not _AMOUNT.fullmatch(usd.strip()):
        raise Invalid(
            f"{usd!r} is not an amount of US dollars. Write it like 5 or 0.25, with at most six decimals."
        )
    return int(Decimal(usd.strip().removeprefix("$")) * MICROS_PER_USD)


def top_up(
    project: Annotated[str, typer.Argument(help="ID or slug of the project.")],
    usd: Annotated[Usd, typer.Argument(help="US dollars to add to its wallet.")],
    note: Annotated[str, typer.Option(help="Reason, recorded in the ledger.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Add credit to a project's wallet."""
    balance_micros = asyncio.run(_top_up(settings(), project, micros(usd), note=note))
    if as_json:
        typer.echo(json.dumps({"project": project, "balance_micros": balance_micros}))
        return
    typer.echo(f"The balance of project {project} is ${balance_micros / MICROS_PER_USD:,.6f}.")


def verify_ledger(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Verify every row of the ledger; exit code 1 if it has errors."""
    findings = asyncio.run(_prove(settings()))
    if as_json:
        body = [{"rule": finding.rule, "facts": finding.facts} for finding in findings]
        typer.echo(json.dumps({"ok": not findings, "findings": body}, default=str))
    else:
        for finding in findings:
            typer.echo(f"BROKEN: {finding.rule}: {json.dumps(finding.facts, default=str)}")
        typer.echo("The ledger has errors." if findings else "The ledger is correct.")
    raise typer.Exit(1 if findings else 0)


async def _top_up(options: Settings, project: str, amount_micros: int, *, note: str) -> int:
    async with database.unit_of_work(options) as session:
        return await ledger.top_up(
            session,
            project_id=await project_id_of(session, project),
            amount_micros=amount_micros,
            note=note,
            created_by=OPERATOR_LABEL,
        )


async def project_id_of(session: AsyncSession, project: str) -> UUID:
    """Return the ID of the project with this ID or slug.

    Raises:
        NoSuchProject: The project does not exist.
    """
    exists = col(Project.deleted_at).is_(None)
    matches = col(Project.id) == _as_id(project) if _as_id(project) else col(Project.slug) == project
    project_id: UUID | None = await session.scalar(select(col(Project.id)).where(matches, exists))
    if project_id is None:
        raise NoSuchProject(project)
    return project_id


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _prove(options: Settings) -> list[audit.Discrepancy]:
    async with database.unit_of_work(options) as session:
        return await audit.check_ledger(session)
