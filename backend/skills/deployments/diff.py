"""Compare two versions: files, skills, and changes that break callers."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth.principal import Principal
from backend.skills.archives.archive import Archive
from backend.skills.deployments import manifests, schema_changes, service
from backend.skills.deployments.errors import DeploymentNotFound
from backend.skills.deployments.schema_changes import Change
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks import service as skillpacks
from backend.storage import Storage


class FileChange(NamedTuple):
    """A file that differs between two versions; its size is None in a version without the file."""

    path: str
    base_bytes: int | None
    head_bytes: int | None


class Diff(NamedTuple):
    """The changes from `base` to `head`."""

    base: Deployment
    head: Deployment
    files: list[FileChange]
    changes: list[Change]

    @property
    def is_breaking(self) -> bool:
        """Whether `head` can break a caller of `base`."""
        return any(change.is_breaking for change in self.changes)


async def diff(
    session: AsyncSession,
    principal: Principal,
    ref: str,
    *,
    base: str | None = None,
    skillpack: str | None = None,
    storage: Storage,
) -> Diff:
    """Return the changes between a base version, by default the active one, and another version.

    Raises:
        DeploymentNotFound: one of them does not exist.
    """
    head = await service.get(session, principal, ref, skillpack=skillpack)
    older = await service.get(
        session,
        principal,
        base or await _active_id(session, principal, head),
        skillpack=str(head.skillpack_id),
    )
    known = await manifests.of(session, (older.id, head.id))
    bundles = [await storage.get_bundle(one.sha256) for one in (older, head)]
    files = await asyncio.to_thread(file_changes, *bundles) if bundles[0] != bundles[1] else []
    changes = schema_changes.between(known[older.id].manifest, known[head.id].manifest)
    return Diff(older, head, files, changes)


async def _active_id(session: AsyncSession, principal: Principal, head: Deployment) -> str:
    pack = await skillpacks.get(session, principal, str(head.skillpack_id))
    if pack.active_deployment_id is None:
        raise DeploymentNotFound("active")
    return str(pack.active_deployment_id)


def file_changes(base: bytes, head: bytes) -> list[FileChange]:
    """Return the files that differ between two bundles, sorted by path."""
    before, after = Archive(base).entries, Archive(head).entries
    found = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or new is None or (old.size_bytes, old.crc) != (new.size_bytes, new.crc):
            found.append(FileChange(path, old.size_bytes if old else None, new.size_bytes if new else None))
    return found
