"""Find the skillpack of a push.

The one of the request, else the one that puras.yaml names, else the default.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import Quotas
from backend.identity.auth.principal import Principal
from backend.skills.bundles.read import ReadBundle
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.errors import SkillpackNotFound, SkillpackSlugTaken
from backend.skills.skillpacks.tables import Skillpack


async def lock_target(
    session: AsyncSession,
    principal: Principal,
    read: ReadBundle,
    *,
    skillpack: str | None,
    quotas: Quotas | None,
) -> Skillpack:
    """Lock the skillpack of a push until the transaction ends; the one of puras.yaml is created if there is none.

    An ID in puras.yaml is ignored unless it belongs to this project: a bundle may come from another instance.

    Raises:
        SkillpackNotFound: The request names a skillpack that the project does not have.
        QuotaReached: The project has as many skillpacks as it may.
    """
    binding = read.binding
    if skillpack is not None or (binding.skillpack_id is None and binding.slug is None):
        return await skillpacks.lock(session, principal, skillpack)
    for ref in (binding.skillpack_id, binding.slug):
        if ref is not None:
            try:
                return await skillpacks.lock(session, principal, ref)
            except SkillpackNotFound:
                continue
    if binding.slug is None:
        return await skillpacks.lock(session, principal)
    try:
        name = read.manifest.title or binding.slug
        await skillpacks.create(session, principal, name=name, slug=binding.slug, quotas=quotas)
    except SkillpackSlugTaken:
        pass  # another push has created it in the meantime
    return await skillpacks.lock(session, principal, binding.slug)
