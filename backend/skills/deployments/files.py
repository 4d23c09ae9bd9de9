"""Single files of a version, as they were pushed."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth.principal import Principal
from backend.skills.archives.archive import Archive
from backend.skills.deployments import service
from backend.skills.deployments.errors import DeploymentFileNotFound
from backend.storage import Storage


async def read(
    session: AsyncSession,
    principal: Principal,
    ref: str,
    path: str,
    *,
    skillpack: str | None = None,
    storage: Storage,
) -> bytes:
    """The content of one file of a version.

    Raises:
        DeploymentNotFound: there is no such version.
        DeploymentFileNotFound: its bundle has no such file.
    """
    deployment = await service.get(session, principal, ref, skillpack=skillpack)
    bundle = await storage.get_bundle(deployment.sha256)
    content = await asyncio.to_thread(_one, bundle, path)
    if content is None:
        raise DeploymentFileNotFound(deployment.version, path)
    return content


def _one(bundle: bytes, path: str) -> bytes | None:
    archive = Archive(bundle)
    return archive.read(path) if path in archive.entries else None
