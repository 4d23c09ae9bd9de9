"""A deleted project: jobs end immediately, it can be restored for a while, then all but the ledger is deleted."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection, connect
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.administration.projects import creation, deletion, purge
from backend.administration.retention.rules import Rules
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.data.drive.tables import DriveFile, DriveUpload, DriveUsage
from backend.data.secrets.tables import EnvironmentSecret, Secret
from backend.evals.annotations.tables import Annotation, AnnotationItem, AnnotationQueue
from backend.evals.tables import EvalCase, EvalRun, EvalSuite
from backend.execution.comments.tables import JobComment, MentionEmail
from backend.execution.events.tables import JobEventRow
from backend.execution.flows.tables import FlowStep
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.failures.tables import FailureCluster
from backend.execution.jobs.tables import Job
from backend.execution.schedules import service as schedules
from backend.execution.schedules.schemas import ScheduleCreate
from backend.execution.sessions.tables import AgentSession, SessionTurn
from backend.execution.shares.tables import JobShare
from backend.housekeeping import LOCK, clean_up
from backend.identity.api_keys import keys
from backend.identity.auth import key_authentication
from backend.identity.auth.accounts import users
from backend.identity.auth.actors import operator
from backend.identity.auth.errors import InvalidKey, ProjectNotFound
from backend.identity.auth.membership import project_of
from backend.identity.projects.errors import SlugTaken
from backend.identity.tables import AuditRow, Invitation, Member, Project
from backend.identity.webhook_outbox.tables import Webhook
from backend.integrations.alerts.tables import AlertRule
from backend.integrations.providers.tables import ProviderKey, ProviderPrice
from backend.money.budgets.tables import Budget
from backend.money.ledger import audit
from backend.money.ledger.tables import NO_KEY, DailySpending, EnvironmentSpending, LedgerEntry, Wallet
from backend.saved_views.tables import SavedView
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import EnvironmentVersion
from backend.storage.local import LocalStorage
from backend.storage.removal import remove
from backend.tables import metadata
from tests.factories.tenants import Tenant, make_job, make_tenant
from tests.integration.retention.project_rows import (
    delivery_of,
    event_of,
    store_draft_and_listing,
    store_memory,
    store_notebook,
    store_prompts,
)

IMMEDIATELY = Rules(events=None, jobs=None, sessions=None, audit=None, deleted_projects=timedelta(0))
IN_A_WEEK = Rules(events=None, jobs=None, sessions=None, audit=None, deleted_projects=timedelta(days=7))


async def test_deletion_ends_everything_immediately(database: Database) -> None:
    tenant = await create_full_project(database, running=1, queued=3)
    key = await create_key(database, tenant)
    async with database.transaction() as session:
        await make_job(session, tenant, run_at=now() + timedelta(hours=1))
        deleted = await deletion.delete(session, tenant.principal)
    assert deleted.cancelled_jobs == 5
    async with database.transaction() as session:
        jobs = (await session.scalars(select(Job).where(Job.project_id == tenant.project_id))).all()
        assert sorted(job.status for job in jobs) == ["cancelled"] * 4 + ["running", "succeeded"]
        (running,) = [job for job in jobs if job.status == "running"]
        assert running.cancel_requested_at is not None, "its worker is requested to end it"
        for job in jobs:
            if job.status == "cancelled":
                last = (
                    select(JobEventRow)
                    .where(JobEventRow.job_id == job.id)
                    .order_by(col(JobEventRow.seq).desc())
                    .limit(1)
                )
                event = (await session.scalars(last)).one()
                assert (event.type, event.seq) == ("cancelled", job.event_seq)
        with pytest.raises(ProjectNotFound):
            await project_of(session, tenant.principal)
        assert await audit.check_ledger(session) == []
    async with database.reading() as reader:
        with pytest.raises(InvalidKey):
            await key_authentication.authenticate(reader, key)


async def test_operator_restores_a_project_with_its_keys(database: Database, storage: LocalStorage) -> None:
    tenant = await create_full_project(database, queued=1)
    revoked, key = await create_key(database, tenant), await create_key(database, tenant)
    async with database.transaction() as session:
        principal = await keys_principal(session, revoked)
        await keys.revoke(session, tenant.principal, principal)
        slug = (await project_of(session, tenant.principal)).slug
        await deletion.delete(session, tenant.principal)
    assert await clean_up(database, storage, IN_A_WEEK) is False
    async with database.transaction() as session:
        back = await deletion.undelete(session, slug)
        assert (back.id, back.slug, back.deleted_at) == (tenant.project_id, slug, None)
    async with database.reading() as reader:
        assert (await key_authentication.authenticate(reader, key)).project_id == tenant.project_id
        with pytest.raises(InvalidKey):
            await key_authentication.authenticate(reader, revoked)


async def test_restore_needs_another_slug_if_it_is_used_meanwhile(database: Database) -> None:
    tenant = await create_full_project(database)
    async with database.transaction() as session:
        deleted = await deletion.delete(session, tenant.principal)
        await creation.create(session, name="New", slug=deleted.slug, concurrency_limit=1)
    with pytest.raises(SlugTaken):
        async with database.transaction() as session:
            await deletion.undelete(session, str(tenant.project_id))
    async with database.transaction() as session:
        assert (await deletion.undelete(session, deleted.slug, slug="old-one")).slug == "old-one"


async def test_expired_project_is_deleted_completely_and_the_ledger_balances(
    database: Database, storage: LocalStorage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tenant, other = await create_full_project(database), await create_full_project(database)
    own, shared = await bundles(database, storage, tenant, other)
    # If the deep folder stayed, pytest could not delete it in a later session.
    request.addfinalizer(partial(remove, storage.drive_dir(tenant.project_id, None)))
    fill_drive(storage, tenant.project_id)
    (storage.drive_dir(other.project_id, None) / "kept.txt").write_text("kept")
    before = await rows_of(database, tenant.project_id)
    assert all(before[table.name] for table in purge.tenant_tables() if table.name not in UNFILLED), before
    async with database.transaction() as session:
        await deletion.delete(session, tenant.principal)

    iterations = 0
    while await clean_up(database, storage, IMMEDIATELY):
        iterations += 1
        assert iterations < 50

    after = await rows_of(database, tenant.project_id)
    assert {name for name, rows in after.items() if rows} == set(purge.RETAINED)
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(JobEventRow)) == 3, (
            "those of the other project"
        )
        row = await session.get_one(Project, tenant.project_id)
        assert (row.name, row.former_slug, row.purged_at is not None) == ("", None, True)
        wallet = await session.get_one(Wallet, tenant.project_id)
        assert (wallet.balance_micros, wallet.reserved_micros) == (0, 0)
        entries = (await session.scalars(select(LedgerEntry).where(LedgerEntry.project_id == row.id))).all()
        assert {entry.kind for entry in entries} == {"top_up", "closure"}
        assert not [entry for entry in entries if entry.note or "@" in entry.created_by], "no names remain"
        actions = await session.scalars(select(AuditRow.action).where(AuditRow.project_id == row.id))
        assert {"project.deleted", "project.purged"} <= set(actions)
        assert await audit.check_ledger(session) == []
        with pytest.raises(ProjectNotFound):
            await deletion.undelete(session, str(tenant.project_id))
    assert not (tmp_path / "storage" / "drive" / str(tenant.project_id)).exists()
    assert [path.stem for path in (tmp_path / "storage" / "bundles").rglob("*.zip")] == [shared]
    assert own != shared
    assert (storage.drive_dir(other.project_id, None) / "kept.txt").read_text() == "kept"
    theirs = await rows_of(database, other.project_id)
    assert all(theirs[name] for name in ("jobs", "deployments", "secrets"))
    assert await clean_up(database, storage, IMMEDIATELY) is False


async def test_project_cannot_be_restored_after_its_removal_started(
    database: Database, storage: LocalStorage
) -> None:
    tenant = await create_full_project(database)
    async with database.transaction() as session:
        await deletion.delete(session, tenant.principal)
    iteration = iter([True, False])
    assert (
        await purge.purge_due(database, storage, timedelta(0), may_continue=lambda: next(iteration)) is True
    )
    with pytest.raises(ProjectNotFound):
        async with database.transaction() as session:
            await deletion.undelete(session, str(tenant.project_id))
    assert await purge.purge_due(database, storage, timedelta(0), may_continue=lambda: True) is False


async def test_project_restored_before_its_removal_is_not_removed(
    database: Database, database_url: str, storage: LocalStorage
) -> None:
    tenant = await create_full_project(database)
    async with database.transaction() as session:
        await deletion.delete(session, tenant.principal)

    def restore_project() -> bool:
        with connect(database_url) as operators:
            operators.execute("update projects set deleted_at = null where id = %s", (tenant.project_id,))
        return True

    assert await purge.purge_due(database, storage, timedelta(0), may_continue=restore_project) is False
    assert (await rows_of(database, tenant.project_id))["jobs"] == 1


async def test_removal_waits_for_running_jobs(database: Database, storage: LocalStorage) -> None:
    tenant = await create_full_project(database, running=1)
    async with database.transaction() as session:
        await deletion.delete(session, tenant.principal)
    assert await clean_up(database, storage, IMMEDIATELY) is True
    assert (await rows_of(database, tenant.project_id))["jobs"] == 2
    async with database.transaction() as session:
        running = (
            await session.scalars(
                select(Job).where(Job.status == "running", Job.project_id == tenant.project_id)
            )
        ).one()
        await session.execute(
            update(Job)
            .where(col(Job.id) == running.id)
            .values(status="cancelled", finished_at=now(), reserved_micros=0)
        )
        await session.execute(text("update admissions set admitted = 0"))
    while await clean_up(database, storage, IMMEDIATELY):
        pass
    assert (await rows_of(database, tenant.project_id))["jobs"] == 0


async def test_nothing_is_deleted_during_a_backup(
    database: Database, database_url: str, storage: LocalStorage
) -> None:
    tenant = await create_full_project(database)
    async with database.transaction() as session:
        await deletion.delete(session, tenant.principal)
    async with await AsyncConnection.connect(database_url) as backup:
        await backup.execute("select pg_advisory_xact_lock_shared(%s)", (LOCK,))
        assert await clean_up(database, storage, IMMEDIATELY) is False
        assert (await rows_of(database, tenant.project_id))["jobs"] == 1


UNFILLED = {"job_queue", "job_waits", "schedule_runs", "feedback", "usage_events", "approvals"}
"""Tables that need no row of this project for the test: their rows are deleted with its jobs."""


async def create_full_project(database: Database, *, running: int = 0, queued: int = 0) -> Tenant:
    """Create a project with users, keys, secrets, money and a finished job."""
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        ada = await users.create(session, email=f"{uuid4().hex}@example.org", password="three words make one")
        session.add(Member(project_id=tenant.project_id, user_id=ada.id, role="owner"))
        session.add(
            Secret(
                project_id=tenant.project_id,
                name="TOKEN",
                ciphertext="enc:v1:x",
                updated_by=f"user:{ada.email}",
            )
        )
        await session.execute(
            update(LedgerEntry)
            .where(col(LedgerEntry.project_id) == tenant.project_id)
            .values(created_by=f"user:{ada.email}", note="for Ada")
        )
        await make_job(session, tenant)
        session.add(
            Invitation(
                project_id=tenant.project_id,
                email="bob@example.org",
                role="viewer",
                token_hash=uuid4().hex,
                created_by=f"user:{ada.email}",
                expires_at=now() + timedelta(days=7),
            )
        )
        session.add(ProviderKey(project_id=tenant.project_id, family="claude", ciphertext="enc:v1:x"))
        await session.flush()
        rates = {"input_nanos": 1, "output_nanos": 1, "cache_read_nanos": 1, "cache_write_nanos": 1}
        session.add(
            ProviderPrice(project_id=tenant.project_id, family="claude", variant="haiku-5-5", **rates)
        )
        session.add(
            Budget(project_id=tenant.project_id, name="Small", scope="project", period="day", limit_micros=1)
        )
        of_staging = {"project_id": tenant.project_id, "environment": "staging"}
        session.add(EnvironmentSecret(**of_staging, name="TOKEN", ciphertext="enc:v1:x"))
        session.add(EnvironmentSpending(**of_staging, day=now().date(), spent_micros=1, forgiven_micros=0))
        session.add(
            EnvironmentVersion(
                **of_staging, skillpack_id=tenant.skillpack_id, active_deployment_id=tenant.deployment_id
            )
        )
        session.add(
            DailySpending(
                project_id=tenant.project_id,
                day=now().date(),
                skillpack_id=tenant.skillpack_id,
                skill_name="echo",
                api_key_id=NO_KEY,
                spent_micros=0,
                forgiven_micros=0,
            )
        )
        hook = Webhook(project_id=tenant.project_id, url="https://example.org/", ciphertext="enc:v1:x")
        session.add(hook)
        await session.flush()
        session.add(delivery_of(tenant, hook))
        condition = {"metric": "spend", "threshold": 5, "window_minutes": 60, "min_jobs": 5}
        session.add(AlertRule(project_id=tenant.project_id, name="Spend", **condition))
        await store_memory(session, tenant)
        await store_draft_and_listing(session, tenant)
        await store_prompts(session, tenant)
        await schedules.create(
            session, tenant.principal, ScheduleCreate(name="Daily", skill="echo", cron="@daily")
        )
        suite, *rest = evals_of(tenant)
        session.add(suite)
        await session.flush()
        session.add_all(rest)
        session.add(DriveUsage(project_id=tenant.project_id, bytes=1, files=1))
        session.add(DriveFile(project_id=tenant.project_id, path="a.txt", version="1"))
        later = now() + timedelta(days=1)
        session.add(DriveUpload(project_id=tenant.project_id, path="b.txt", length_bytes=1, expires_at=later))
    await create_key(database, tenant)
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
        await finish(session, claimed, AttemptResult("succeeded", result={}), [])
        await store_notebook(session, tenant, claimed.job_id)
        session.add(event_of(tenant))
        until = now() + timedelta(days=1)
        share = JobShare(job_id=claimed.job_id, token_hash=uuid4().hex, created_by="test", expires_at=until)
        share.project_id = tenant.project_id
        session.add(share)
        member = select(Member.user_id).where(col(Member.project_id) == tenant.project_id)
        user_id = (await session.execute(member)).scalar_one()
        session.add(
            FailureCluster(
                project_id=tenant.project_id,
                signature="0" * 16,
                skill_name="echo",
                error_code="",
                message="",
                frame="",
            )
        )
        session.add(
            SavedView(project_id=tenant.project_id, user_id=user_id, page="jobs", name="Failed", content={})
        )
        await store_session_and_flow(session, tenant, claimed.job_id)
        await store_reviews(session, tenant, claimed.job_id)
    for number in range(running + queued):
        async with database.transaction() as session:
            await make_job(session, tenant)
            if number < running:
                await claim(session, worker_id=uuid4(), lane="default", limit=1)
    return tenant


async def store_reviews(session: AsyncSession, tenant: Tenant, job_id: UUID) -> None:
    """Store a comment on that job with an e-mail about it, and a queue in which it is annotated."""
    of_project = {"project_id": tenant.project_id, "created_by": "test"}
    comment = JobComment(**of_project, job_id=job_id, body="Look")
    queue = AnnotationQueue(**of_project, name="Queue", rubric=[])
    session.add_all([comment, queue])
    await session.flush()
    members = select(Member.user_id).where(Member.project_id == tenant.project_id)
    user_id = (await session.scalars(members)).one()
    session.add(MentionEmail(project_id=tenant.project_id, comment_id=comment.id, user_id=user_id))
    session.add(
        AnnotationItem(project_id=tenant.project_id, queue_id=queue.id, job_id=job_id, added_by="test")
    )
    session.add(Annotation(**of_project, queue_id=queue.id, job_id=job_id, scores={}))


async def store_session_and_flow(session: AsyncSession, tenant: Tenant, job_id: UUID) -> None:
    """Store a session with one turn, and a step of a flow, both of that job."""
    conversation = AgentSession(
        project_id=tenant.project_id, skillpack_id=tenant.skillpack_id, skill_name="echo"
    )
    session.add(conversation)
    await session.flush()
    session.add(
        SessionTurn(
            project_id=tenant.project_id, session_id=conversation.id, number=1, job_id=job_id, inputs={}
        )
    )
    session.add(
        FlowStep(
            job_id=job_id,
            step="each",
            item=-1,
            project_id=tenant.project_id,
            kind="skill",
            status="succeeded",
            started_at=now(),
        )
    )


def evals_of(tenant: Tenant) -> list[EvalSuite | EvalRun | EvalCase]:
    """Return a suite with a run, and a case."""
    place = {"project_id": tenant.project_id, "skillpack_id": tenant.skillpack_id, "skill_name": "echo"}
    suite = EvalSuite(
        **place,
        deployment_id=tenant.deployment_id,
        actor_id=uuid4(),
        status="cancelled",
        finished_at=now(),
    )
    run = EvalRun(suite_id=suite.id, number=1, project_id=tenant.project_id, case_id="one", inputs={})
    return [suite, run, EvalCase(**place, case_id="one", inputs={})]


async def create_key(database: Database, tenant: Tenant) -> str:
    async with database.transaction() as session:
        created = await keys.create(
            session, operator(tenant.project_id), project_id=tenant.project_id, kind="secret"
        )
        return created.plaintext


async def keys_principal(session: object, clear_text: str) -> UUID:
    return (await key_authentication.authenticate(session, clear_text)).id  # type: ignore[arg-type]


async def bundles(
    database: Database, storage: LocalStorage, tenant: Tenant, other: Tenant
) -> tuple[str, str]:
    """Store a bundle that only this project uses, and a bundle that another project uses, too."""
    own, shared = b"own bundle", b"shared bundle"
    hashes = [hashlib.sha256(data).hexdigest() for data in (own, shared)]
    for data, sha256 in zip((own, shared), hashes, strict=True):
        await storage.put_bundle(sha256, data)
    async with database.transaction() as session:
        named = (
            await session.scalars(select(Deployment).where(Deployment.project_id == tenant.project_id))
        ).one()
        session.add(
            Deployment(
                project_id=tenant.project_id,
                skillpack_id=tenant.skillpack_id,
                version=2,
                sha256=hashes[1],
                size_bytes=1,
                manifest=named.manifest,
                warnings=[],
            )
        )
        named.sha256 = hashes[0]
        theirs = (
            await session.scalars(select(Deployment).where(Deployment.project_id == other.project_id))
        ).one()
        theirs.sha256 = hashes[1]
    return hashes[0], hashes[1]


def fill_drive(storage: LocalStorage, project_id: UUID) -> None:
    """Fill the drive as a hostile job does: deep folders, folders without permissions, links that lead out."""
    drive = storage.drive_dir(project_id, None)
    (drive / "out").symlink_to("/")
    (drive / "bad\nname").touch()
    closed = drive / "closed"
    closed.mkdir()
    (closed / "file").touch()
    closed.chmod(0)
    place = os.open(drive, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=place)
        deeper = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = deeper
    os.close(place)


async def rows_of(database: Database, project_id: UUID) -> dict[str, int]:
    """Return the number of rows of the project in each table."""
    counted = {}
    async with database.transaction() as session:
        for table in metadata.sorted_tables:
            if "project_id" in table.columns or table.name == "projects":
                column = table.c.get("project_id", table.c.get("id"))
                query = select(func.count()).select_from(table).where(column == project_id)
                counted[table.name] = await session.scalar(query) or 0
    return counted
