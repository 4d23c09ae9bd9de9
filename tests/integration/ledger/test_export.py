"""The CSV export of the ledger: complete, in order, and without cells that a spreadsheet evaluates."""

from __future__ import annotations

import csv
import io

import httpx

from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.money.ledger import service
from backend.usage import export
from tests.integration.auth.conftest import World, client, world
from tests.integration.ledger.money import call, ended, running, tenant_of

__all__ = ["client", "world"]


async def test_export_contains_every_movement_of_the_own_wallet(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    project, other = await world.project("Acme"), await world.project("Other")
    async with database.transaction() as session:
        for number in range(5):
            note = f"=HYPERLINK({number})"
            values = {"project_id": project.id, "amount_micros": 10**6 + number, "created_by": "operator"}
            await service.top_up(session, note=note, **values)
        await service.top_up(
            session, project_id=other.id, amount_micros=7, note="theirs", created_by="operator"
        )
    response = await client.get("/v1/billing/ledger/export", headers=await world.key(project))
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"].startswith('attachment; filename="ledger-')
    header, *rows = csv.reader(io.StringIO(response.text))
    assert tuple(header) == export.COLUMNS
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [one["amount_usd"] for one in found] == ["1.000004", "1.000003", "1.000002", "1.000001", "1"]
    assert found[0]["note"] == "'=HYPERLINK(4)"
    assert "theirs" not in response.text


async def test_charge_has_its_job_and_a_top_up_has_none(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant = await tenant_of(database)
    job = await running(database, tenant)
    assert await ended(database, job, "succeeded", [call(250)])
    async with database.transaction() as session:
        made = await keys.create(session, tenant.principal, project_id=tenant.project_id)
    headers = {"Authorization": f"Bearer {made.plaintext}"}
    response = await client.get("/v1/billing/ledger/export", headers=headers)
    header, *rows = csv.reader(io.StringIO(response.text))
    found = [dict(zip(header, row, strict=True)) for row in rows]
    jobs = {one["amount_usd"]: one["job_id"] for one in found}
    assert jobs["-0.00025"] == str(job.job_id)
    assert {job_id for amount, job_id in jobs.items() if not amount.startswith("-")} == {""}


async def test_export_needs_credentials_and_the_scope(client: httpx.AsyncClient, world: World) -> None:
    project = await world.project("Acme")
    narrow = await world.key(project, limits=Limits(scopes=["jobs:read"]))
    assert (await client.get("/v1/billing/ledger/export", headers=narrow)).status_code == 403
    assert (await client.get("/v1/billing/ledger/export")).status_code == 401
