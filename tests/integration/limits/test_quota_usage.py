"""The usage that a project sees equals the usage that its quotas count."""

from __future__ import annotations

from backend.administration.projects.quota_usage import usage
from backend.config.quotas import Quota
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.data.secrets import service as secrets
from backend.identity.api_keys import keys
from tests.factories.tenants import make_job, make_tenant


async def test_usage_counts_each_item_of_the_project_once(database: Database, instance: AppContext) -> None:
    async with database.transaction() as session:
        tenant, other = await make_tenant(session, concurrency_limit=1), await make_tenant(session)
        for owner in (tenant, tenant, tenant, other):
            await make_job(session, owner)
        made = [await keys.create(session, None, project_id=tenant.project_id) for _ in range(3)]
        await keys.revoke(session, tenant.principal, made[0].key.id)
        for name, place in (("A", None), ("B", None), ("C", tenant.skillpack_id)):
            await secrets.put(
                session,
                instance.vault,
                tenant.principal,
                name=name,
                value="long and private",
                skillpack_id=place,
            )
    async with database.transaction() as session:
        counted = await usage(session, tenant.principal)
    assert counted == {
        Quota.QUEUED_JOBS: 2,
        Quota.LATER_JOBS: 0,
        Quota.DEPLOYMENTS: 1,
        Quota.API_KEYS: 2,
        Quota.MEMBERS: 0,
        Quota.SECRETS: 2,
        Quota.SKILLPACKS: 1,
        Quota.MEMORY_RECORDS: 0,
        Quota.MEMORY_MB: 0,
        Quota.SESSION_MESSAGES: 0,
        Quota.SESSION_USD: 0,
    }
