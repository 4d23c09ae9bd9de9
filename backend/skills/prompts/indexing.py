"""Find which deployment has which prompt. A deployment never changes, so its bundle is read once for each skill."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.skills.archives.archive import Archive
from backend.skills.deployments import manifests
from backend.skills.deployments.files import prompt_in
from backend.skills.manifest.types import Skill
from backend.skills.prompts.tables import NO_PROMPT
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage
from backend.storage.errors import BundleMissing

MAX_READ: Final = 100
"""Deployments that one request reads."""

_LOCK: Final = text("select pg_advisory_xact_lock(hashtextextended(:key, 22))")
_UNREAD: Final = text("""
select d.id from deployments d
where d.project_id = :project_id and d.skillpack_id = :skillpack_id and d.deleted_at is null and not exists (
  select from deployment_prompts p
  where p.project_id = :project_id and p.deployment_id = d.id and p.skill_name = :skill
)
order by d.created_at, d.id limit :limit
""")
_KNOWN: Final = text("""
select sha256, number from deployment_prompts
where project_id = :project_id and skillpack_id = :skillpack_id and skill_name = :skill and number > 0
""")
_INSERT: Final = text("""
insert into deployment_prompts (deployment_id, skill_name, project_id, skillpack_id, number, sha256)
values (:deployment_id, :skill, :project_id, :skillpack_id, :number, :sha256)
on conflict (deployment_id, skill_name) do nothing
""")


async def index(session: AsyncSession, pack: Skillpack, skill: str, *, storage: Storage) -> bool:
    """Read the prompts of a skill in the deployments that were not read before, oldest first.

    Returns:
        Whether all deployments are read now. A skillpack of an earlier release may have many.
    """
    values = {"project_id": pack.project_id, "skillpack_id": pack.id, "skill": skill}
    unread = {**values, "limit": MAX_READ + 1}
    if not (await session.execute(_UNREAD, unread)).all():
        return True
    await session.execute(_LOCK, {"key": f"{pack.id} {skill}"})
    ids: list[UUID] = [row.id for row in (await session.execute(_UNREAD, unread)).all()]
    numbers = {row.sha256: row.number for row in (await session.execute(_KNOWN, values)).all()}
    known = await manifests.of(session, ids)
    hashes: dict[tuple[str, str], str] = {}
    for deployment_id in ids[:MAX_READ]:
        manifest, bundle, _ = known[deployment_id]
        found = manifest.find(skill)
        digest = ""
        if found is not None and found.is_agentic:
            key = (bundle, f"{found.path}/{found.file}")
            if key not in hashes:
                hashes[key] = await _hash_of(bundle, found, storage)
            digest = hashes[key]
        number = NO_PROMPT
        if digest:
            number = numbers.setdefault(digest, max(numbers.values(), default=NO_PROMPT) + 1)
        row = {**values, "deployment_id": deployment_id, "number": number, "sha256": digest}
        await session.execute(_INSERT, row)
    return len(ids) <= MAX_READ


async def _hash_of(bundle: str, skill: Skill, storage: Storage) -> str:
    """Return the hash of the prompt of an agent; empty if the bundle is not stored any more."""
    try:
        content = await storage.get_bundle(bundle)
    except BundleMissing:
        return ""
    prompt = await asyncio.to_thread(lambda: prompt_in(Archive(content), skill))
    return sha256(prompt.text.encode()).hexdigest()
