"""Rows of the data around the jobs of a project: memory, listings, drafts, deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.authoring.drafts.tables import Draft, DraftFile
from backend.authoring.notebooks.tables import NotebookCell, NotebookKernel
from backend.core.clock import now
from backend.execution.waits.tables import ProjectEvent
from backend.identity.webhook_outbox.tables import Webhook, WebhookDelivery
from backend.marketplace.tables import Listing, ListingCaller, ListingVersion
from backend.skills.prompts.tables import DeploymentPrompt, PromptLabel
from tests.factories.tenants import Tenant

_MEMORY: Final = (
    """
insert into memory_records (id, project_id, scope, mtype, kind, title, summary, record, tags, aliases, importance,
                            pinned, version, written_by, forgotten_why, size_bytes, names, words, created_at,
                            updated_at)
values (:memory, :project, 'workspace', 'semantic', 'note', '', '', '{}', '{}', '{}', 0.5, false, 1, 'test', '', 2,
        '{}', to_tsvector('simple', 'owls'), now(), now())
""",
    """
insert into memory_vectors (memory_id, project_id, model, embedding) values (:memory, :project, 'm', '{0.5}')
""",
    """
insert into memory_changes (memory_id, project_id, action, version, created, written_by, reason, at)
values (:memory, :project, 'put', 1, true, 'test', '', now())
""",
    "insert into memory_usage (project_id, records, bytes) values (:project, 1, 2)",
)


async def store_memory(session: AsyncSession, tenant: Tenant) -> None:
    """Store a memory record with its vector and its history."""
    values = {"memory": uuid4(), "project": tenant.project_id}
    for statement in _MEMORY:
        await session.execute(text(statement), values)


async def store_draft_and_listing(session: AsyncSession, tenant: Tenant) -> None:
    """Store a draft with a file, and a listing with a version and a caller."""
    place = {"project_id": tenant.project_id, "skillpack_id": tenant.skillpack_id}
    listing = Listing(**place, slug=f"l-{uuid4().hex[:8]}", skill_name="echo", title="Echo", price_micros=1)
    session.add_all([Draft(**place), listing])
    await session.flush()
    session.add(DraftFile(**place, path="a.md", content=b"a", size_bytes=1, revision=1))
    offered = {"project_id": tenant.project_id, "listing_id": listing.id}
    session.add(ListingVersion(**offered, number=1, deployment_id=tenant.deployment_id, deployment_version=1))
    session.add(ListingCaller(**offered, caller_id=uuid4()))


async def store_prompts(session: AsyncSession, tenant: Tenant) -> None:
    """Store the prompt of a deployment, with a label."""
    place = {
        "project_id": tenant.project_id,
        "skillpack_id": tenant.skillpack_id,
        "skill_name": "echo",
        "number": 1,
    }
    session.add(DeploymentPrompt(**place, deployment_id=tenant.deployment_id, sha256="0" * 64))
    session.add(PromptLabel(**place, label="approved"))


async def store_notebook(session: AsyncSession, tenant: Tenant, job_id: UUID) -> None:
    """Store a kernel, which is that job, with a cell."""
    place = {"project_id": tenant.project_id, "skillpack_id": tenant.skillpack_id}
    session.add(NotebookKernel(**place, id=job_id, path="a.ipynb", owner="test"))
    await session.flush()
    session.add(
        NotebookCell(
            kernel_id=job_id, project_id=tenant.project_id, number=1, cell="a", code="1", status="ok"
        )
    )


def event_of(tenant: Tenant) -> ProjectEvent:
    """Return an event of the project."""
    return ProjectEvent(
        project_id=tenant.project_id, id="one", type="paid", data={}, sent_by="test", received_at=now()
    )


def delivery_of(tenant: Tenant, webhook: Webhook) -> WebhookDelivery:
    """Return a delivery of a webhook."""
    return WebhookDelivery(
        webhook_id=webhook.id,
        project_id=tenant.project_id,
        event="job.succeeded",
        body="{}",
        next_at=now(),
        retry_until=now() + timedelta(days=3),
    )
