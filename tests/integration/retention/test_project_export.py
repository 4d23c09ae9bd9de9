"""Export of a project by its owner: all of its data, no data of another project, and no secrets."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import defaultdict
from typing import Any

import httpx
from sqlalchemy import select

from backend.administration.archives.reader import ArchiveReader
from backend.administration.projects.export_format import EXPORTED, NOT_EXPORTED
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.data.secrets.tables import Secret
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.identity.auth.actors import operator
from backend.identity.auth.principal import Role
from backend.identity.tables import AuditRow, Project
from backend.money.ledger import service as ledger
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import Skillpack
from backend.tables import metadata
from tests.factories.tenants import make_deployment
from tests.integration.drive.leases import write_lease

BUNDLE = b"the bytes of a bundle"
MARK = "only-in-the-other-project"


async def test_owner_exports_all_data_of_only_their_project(
    world: Any, instance: AppContext, database: Database
) -> None:
    ada = await world.user("ada@example.org")
    project, other = await world.project("Mine", ada), await world.project("Theirs")
    key = (await world.key(project))["Authorization"].removeprefix("Bearer ")
    await fill(database, instance, project, jobs=45, mark="ours")
    await fill(database, instance, other, jobs=3, mark=MARK)
    drive = instance.storage.drive_dir(project.id, None)
    assert drive is not None
    (drive / "a").mkdir()
    (drive / "a" / "ü.bin").write_bytes(b"\1" * 3_000_000)
    (drive / "out").symlink_to("/etc/passwd")

    (drive / "locked").write_bytes(b"held by a process")

    browser = await world.browser(ada)
    with write_lease(drive / "locked"):
        response = await browser.get("/v1/projects/mine/export")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/gzip")
    assert response.headers["content-disposition"].startswith('attachment; filename="mine-20')

    files = unpacked(response.content)
    rows = rows_of(files)
    assert len(rows["jobs"]) == 45
    assert {job["inputs"]["mark"] for job in rows["jobs"]} == {"ours"}
    assert {event["type"] for event in rows["job_events"]} == {"queued"}
    assert [row["slug"] for row in rows["projects"]] == ["mine"]
    assert [(row["name"], "ciphertext" in row) for row in rows["secrets"]] == [("TOKEN", False)]
    assert [member["user_id"] for member in rows["members"]] == [str(ada.id)]
    assert files["drive/a/ü.bin"] == b"\1" * 3_000_000
    assert "drive/out" not in files
    assert files[f"bundles/{hashlib.sha256(BUNDLE).hexdigest()}.zip"] == BUNDLE
    assert "drive/locked" not in files
    manifest = json.loads(files["manifest.json"])
    assert manifest["locked_files"] == ["drive/locked"]
    assert manifest["rows"] == {one.name: len(rows[one.name]) for one in EXPORTED}

    everything = b"".join(files.values()) + "".join(files).encode()
    secret_hash = hashlib.sha256(key.partition(".")[2].encode()).hexdigest()
    for hidden in (MARK, str(other.id), "enc:v1:", key.partition(".")[2], secret_hash):
        assert hidden.encode() not in everything, hidden
    async with database.transaction() as session:
        act = (await session.scalars(select(AuditRow).where(AuditRow.action == "project.exported"))).one()
        assert (act.actor, act.project_id) == ("user:ada@example.org", project.id)


async def test_only_an_owner_can_export_a_project(client: httpx.AsyncClient, world: Any) -> None:
    ada, bob, eve = [await world.user(f"{name}@example.org") for name in ("ada", "bob", "eve")]
    project = await world.project("Mine", ada)
    await world.member(project, bob, Role.ADMIN)
    denied = await (await world.browser(bob)).get("/v1/projects/mine/export")
    assert denied.status_code == 403
    assert denied.json()["detail"].endswith("Ask an owner of the project.")
    assert (await (await world.browser(eve)).get("/v1/projects/mine/export")).status_code == 404
    assert (await client.get("/v1/projects/mine/export")).status_code == 401
    for kind in ("secret", "publishable"):
        headers = await world.key(project, kind)
        assert (await client.get("/v1/projects/mine/export", headers=headers)).status_code == 403


def test_every_table_of_a_project_is_exported_or_has_a_reason() -> None:
    of_projects = {table.name for table in metadata.sorted_tables if "project_id" in table.columns}
    decided = {one.name for one in EXPORTED} | set(NOT_EXPORTED)
    assert of_projects - decided == set(), (
        "record in backend/administration/projects/export_format.py whether the table is exported"
    )


def test_no_column_that_looks_like_a_secret_is_exported() -> None:
    shown = {
        f"{one.name}.{column.name}"
        for one in EXPORTED
        for column in one.table.columns
        if column.name not in one.hidden
    }
    words = ("hash", "ciphertext", "password", "token", "csrf")
    found = {name for name in shown if any(word in name for word in words)}
    assert found == {"memory_records.content_hash"}, "this hash identifies content, not a secret"


async def fill(database: Database, instance: AppContext, project: Project, *, jobs: int, mark: str) -> None:
    sha256 = hashlib.sha256(BUNDLE).hexdigest()
    await instance.storage.put_bundle(sha256, BUNDLE)
    async with database.transaction() as session:
        pack = (await session.scalars(select(Skillpack).where(Skillpack.project_id == project.id))).one()
        deployment: Deployment = make_deployment(project.id, pack.id)
        deployment.sha256 = sha256
        session.add(deployment)
        session.add(Secret(project_id=project.id, name="TOKEN", ciphertext="enc:v1:xyz", updated_by="x"))
        await session.flush()
        pack.active_deployment_id = deployment.id
        await ledger.top_up(
            session, project_id=project.id, amount_micros=1000, note=mark, created_by="operator"
        )
    for _ in range(jobs):
        async with database.transaction() as session:
            request = JobCreate(skill="echo", inputs={"mark": mark})
            await submit(session, operator(project.id), JobSpec(request))


def unpacked(content: bytes) -> dict[str, bytes]:
    """Return the files by name, read by the reader of Puras Studio, which verifies each, and by the standard one."""
    reader = ArchiveReader(io.BytesIO(content))
    ours = {file.entry.name: b"".join(file.chunks()) for file in reader.files()}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert {member.name.rstrip("/") for member in archive} == {name.rstrip("/") for name in ours}
    return ours


def rows_of(files: dict[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name in sorted(files):
        if name.startswith("tables/"):
            rows[name.split("/")[1]] += [json.loads(line) for line in files[name].splitlines()]
    return rows
