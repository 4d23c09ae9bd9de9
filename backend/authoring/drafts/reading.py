"""Read drafts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from sqlmodel import col

from backend.authoring.drafts.errors import DraftFileNotFound, DraftNotStarted
from backend.authoring.drafts.tables import Draft, DraftFile
from backend.core.clock import now
from backend.core.errors import NotAllowed
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.archives.archive import Archive
from backend.skills.deployments import service as deployments
from backend.skills.manifest.functions import MAX_SOURCE_BYTES
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

MAX_FILE_BYTES: Final = 4 << 20
_MAX_PYTHON_FILES: Final = 100


class Opened(NamedTuple):
    """A draft without the contents of its files."""

    pack: Skillpack
    draft: Draft
    files: Sequence[DraftFile]
    """Including deleted ones, ordered by path."""
    base_version: int | None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a file of a draft."""

    data: bytes
    is_executable: bool = False


async def get_or_create(
    session: AsyncSession, principal: Principal, skillpack: str | None, *, storage: Storage
) -> Skillpack:
    """Return the skillpack; create its draft from the active version if there is none and the principal may write.

    Raises:
        SkillpackNotFound: The project has no such skillpack.
        DraftNotStarted: There is no draft yet, and the principal may only read.
    """
    principal.require(Role.VIEWER, "deployments:read")
    pack = await skillpacks.get(session, principal, skillpack)
    existing = await session.scalar(visible(Draft, principal).where(col(Draft.skillpack_id) == pack.id))
    if existing is None:
        try:
            principal.require(Role.DEVELOPER, "deployments:write")
        except NotAllowed:
            raise DraftNotStarted(pack.slug) from None
        await _create(session, principal, pack, storage)
    return pack


async def open_draft(session: AsyncSession, principal: Principal, pack: Skillpack) -> Opened:
    """Return the draft of a skillpack."""
    principal.require(Role.VIEWER, "deployments:read")
    draft: Draft = (
        await session.scalars(visible(Draft, principal).where(col(Draft.skillpack_id) == pack.id))
    ).one()
    query = visible(DraftFile, principal).where(col(DraftFile.skillpack_id) == pack.id)
    content: Any = DraftFile.content  # SQLModel types a field as its value, SQLAlchemy needs the column
    listed = query.options(defer(content)).order_by(col(DraftFile.path))
    files = (await session.scalars(listed)).all()
    base = None
    if draft.base_deployment_id is not None:
        base = (await deployments.get(session, principal, str(draft.base_deployment_id))).version
    return Opened(pack, draft, files, base)


async def revision_of(session: AsyncSession, principal: Principal, pack: Skillpack) -> int:
    """Return the revision of a draft."""
    principal.require(Role.VIEWER, "deployments:read")
    query = visible(Draft, principal).where(col(Draft.skillpack_id) == pack.id)
    return int((await session.scalars(query.with_only_columns(col(Draft.revision)))).one())


async def read_file(session: AsyncSession, principal: Principal, pack: Skillpack, path: str) -> DraftFile:
    """Return a file with its content.

    Raises:
        DraftFileNotFound: The file does not exist or was deleted.
    """
    principal.require(Role.VIEWER, "deployments:read")
    found = await find_file(session, principal, pack.id, path)
    if found is None or found.deleted_at is not None:
        raise DraftFileNotFound(path)
    return found


async def all_files(session: AsyncSession, principal: Principal, pack_id: UUID) -> dict[str, Content]:
    """Return all files of a draft."""
    query = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == pack_id, col(DraftFile.deleted_at).is_(None)
    )
    rows = (await session.scalars(query)).all()
    return {row.path: Content(row.content, row.is_executable) for row in rows}


async def python_files(
    session: AsyncSession, principal: Principal, pack_id: UUID, prefix: str
) -> dict[str, bytes]:
    """Return the contents of the first Python files whose paths start with the prefix, without very large ones."""
    query = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == pack_id,
        col(DraftFile.deleted_at).is_(None),
        col(DraftFile.path).startswith(prefix, autoescape=True),
        col(DraftFile.path).endswith(".py"),
    )
    small = query.where(col(DraftFile.size_bytes) <= MAX_SOURCE_BYTES).order_by(col(DraftFile.path))
    rows = (await session.scalars(small.limit(_MAX_PYTHON_FILES))).all()
    return {row.path: row.content for row in rows}


def unpack(bundle: bytes) -> dict[str, Content]:
    """Return the files of a ZIP archive.

    Raises:
        BundleUnreadable: It is not a ZIP archive, or an unsafe one.
        BundleTooLarge: It exceeds a maximum size.
    """
    archive = Archive(bundle)
    archive.verify()
    return {path: Content(archive.read(path), entry.is_executable) for path, entry in archive.entries.items()}


async def find_file(
    session: AsyncSession, principal: Principal, pack_id: UUID, path: str
) -> DraftFile | None:
    """Return the file with this path, also a deleted one."""
    if "\0" in path:
        return None
    query = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == pack_id, col(DraftFile.path) == path
    )
    found: DraftFile | None = await session.scalar(query)
    return found


async def other_paths(session: AsyncSession, principal: Principal, pack_id: UUID, path: str) -> list[str]:
    """Return the paths of all files except this one and deleted ones."""
    query = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == pack_id,
        col(DraftFile.deleted_at).is_(None),
        col(DraftFile.path) != path,
    )
    return list((await session.scalars(query.with_only_columns(col(DraftFile.path)))).all())


async def _create(session: AsyncSession, principal: Principal, pack: Skillpack, storage: Storage) -> None:
    """Create a draft with the files of the active version; concurrent calls create it once."""
    row = {"skillpack_id": pack.id, "project_id": principal.project_id, "updated_by": principal.label}
    values = {**row, "base_deployment_id": pack.active_deployment_id, "revision": 1, "updated_at": now()}
    created = await session.scalar(
        insert(Draft).values(**values).on_conflict_do_nothing().returning(col(Draft.skillpack_id))
    )
    query = visible(Draft, principal).where(col(Draft.skillpack_id) == pack.id)
    draft: Draft = (await session.scalars(query)).one()
    if created is not None and pack.active_deployment_id is not None:
        active = await deployments.get(session, principal, str(pack.active_deployment_id))
        bundle = await storage.get_bundle(active.sha256)
        for path, content in (await asyncio.to_thread(unpack, bundle)).items():
            if len(content.data) <= MAX_FILE_BYTES:
                session.add(new_row(principal, draft, path, content))
        await session.flush()


def new_row(principal: Principal, draft: Draft, path: str, content: Content) -> DraftFile:
    """Return the row of a new file."""
    values: dict[str, Any] = {"content": content.data, "size_bytes": len(content.data)}
    return DraftFile(
        skillpack_id=draft.skillpack_id,
        path=path,
        project_id=principal.project_id,
        is_executable=content.is_executable,
        revision=draft.revision,
        updated_by=principal.label,
        **values,
    )
