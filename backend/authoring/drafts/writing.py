"""Change drafts: changes are serialized, and no change overwrites one that the writer has not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from puras.bundles import NOTEBOOK_SUFFIX
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.authoring.drafts import paths
from backend.authoring.drafts.errors import (
    DraftFileChanged,
    DraftFileExists,
    DraftFileNotFound,
    DraftTooLarge,
)
from backend.authoring.drafts.reading import (
    MAX_FILE_BYTES,
    Content,
    find_file,
    new_row,
    other_paths,
    read_file,
)
from backend.authoring.drafts.tables import Draft, DraftFile
from backend.core.clock import now
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.skillpacks.tables import Skillpack

MAX_FILES: Final = 1_000
MAX_BYTES: Final = 64 << 20
ANY: Final = "*"
"""Instead of a revision: any revision."""


async def write(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    path: str,
    content: Content,
    *,
    expected_revision: str | None,
) -> DraftFile:
    """Write a file.

    Args:
        session: The transaction.
        principal: The writer.
        pack: The skillpack of the draft.
        path: The path of the file.
        content: The new content.
        expected_revision: The revision that the writer has read, `*` for any, None for a new file.

    Raises:
        DraftFileChanged: It was written or deleted since, or it is not new.
        DraftPathUnusable, DraftPathTaken: The path is invalid or conflicts with another.
        DraftTooLarge: The file or the draft is too large.
    """
    draft = await lock(session, principal, pack)
    stored = await find_file(session, principal, draft.skillpack_id, path)
    _check_revision(stored, expected_revision)
    if stored is None or stored.deleted_at is not None:
        paths.check(path, await other_paths(session, principal, draft.skillpack_id, path))
    await _check_size(session, principal, draft.skillpack_id, {path: content})
    return await _put(session, principal, draft, path, content)


async def delete(
    session: AsyncSession, principal: Principal, pack: Skillpack, path: str, *, expected_revision: str | None
) -> Draft:
    """Delete a file; `restore` can undo it until the next publish.

    Raises:
        DraftFileNotFound: The file does not exist.
        DraftFileChanged: It was written since.
    """
    draft = await lock(session, principal, pack)
    stored = await find_file(session, principal, draft.skillpack_id, path)
    if stored is None or stored.deleted_at is not None:
        raise DraftFileNotFound(path)
    _check_revision(stored, expected_revision or ANY)
    _touch(principal, draft)
    stored.deleted_at, stored.updated_by, stored.revision = now(), principal.label, draft.revision
    await session.flush()
    return draft


async def restore(session: AsyncSession, principal: Principal, pack: Skillpack, path: str) -> DraftFile:
    """Restore a deleted file.

    Raises:
        DraftFileNotFound: No file with this path was deleted.
        DraftPathTaken: Another file conflicts with the path now.
    """
    draft = await lock(session, principal, pack)
    stored = await find_file(session, principal, draft.skillpack_id, path)
    if stored is None or stored.deleted_at is None:
        raise DraftFileNotFound(path)
    paths.check(path, await other_paths(session, principal, draft.skillpack_id, path))
    return await _put(session, principal, draft, path, Content(stored.content, stored.is_executable))


async def move(session: AsyncSession, principal: Principal, pack: Skillpack, path: str, to: str) -> Draft:
    """Move a file to another path, or all files of a folder (`skills/old/` to `skills/new/`).

    Raises:
        DraftFileNotFound: Nothing exists at the path.
        DraftPathUnusable, DraftPathTaken: The new path is invalid or conflicts with another.
    """
    draft = await lock(session, principal, pack)
    all_paths = await other_paths(session, principal, draft.skillpack_id, "")
    if path.endswith("/"):
        moved = {
            old_path: to.rstrip("/") + "/" + old_path.removeprefix(path)
            for old_path in all_paths
            if old_path.startswith(path)
        }
    else:
        moved = {path: to} if path in all_paths else {}
    if not moved:
        raise DraftFileNotFound(path)
    unmoved = [old_path for old_path in all_paths if old_path not in moved]
    for new_path in moved.values():
        paths.check(new_path, unmoved)
    for old_path, new_path in moved.items():
        stored = await read_file(session, principal, pack, old_path)
        await _put(session, principal, draft, new_path, Content(stored.content, stored.is_executable))
        stored.deleted_at, stored.updated_by, stored.revision = now(), principal.label, draft.revision
    await session.flush()
    return draft


async def replace(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    files: Mapping[str, Content],
    *,
    keep_others: bool,
    base_deployment_id: UUID | None = None,
) -> Draft:
    """Write these files; without `keep_others`, delete all others except notebooks. Deleted files can be restored.

    Raises:
        DraftPathUnusable, DraftPathTaken: A path is invalid or conflicts with another.
        DraftTooLarge: They are too many or too large.
    """
    draft = await lock(session, principal, pack)
    _touch(principal, draft)
    existing = await other_paths(session, principal, draft.skillpack_id, "")
    if not keep_others:
        await _delete_all(session, principal, draft)
        existing = [path for path in existing if path.endswith(NOTEBOOK_SUFFIX)]
        draft.base_deployment_id = base_deployment_id
    taken = set(existing)
    for path in files:
        if path not in taken:
            paths.check(path, taken)
            taken.add(path)
    await _check_size(session, principal, draft.skillpack_id, files)
    for path, content in files.items():
        await _put(session, principal, draft, path, content)
    fields = {"files": len(files), "keeps_others": keep_others}
    await audit.record(session, principal, "draft.replaced", str(draft.skillpack_id), **fields)
    return draft


async def mark_published(
    session: AsyncSession, principal: Principal, pack: Skillpack, deployment_id: UUID
) -> None:
    """Record the version that the draft was published as, and remove deleted files permanently."""
    draft = await lock(session, principal, pack)
    draft.base_deployment_id = deployment_id
    deleted = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == draft.skillpack_id, col(DraftFile.deleted_at).is_not(None)
    )
    for row in (await session.scalars(deleted)).all():
        await session.delete(row)
    await session.flush()


async def lock(session: AsyncSession, principal: Principal, pack: Skillpack) -> Draft:
    """Return the draft and lock it until the transaction ends, which serializes its changes."""
    principal.require(Role.DEVELOPER, "deployments:write")
    query = visible(Draft, principal).where(col(Draft.skillpack_id) == pack.id).with_for_update()
    draft: Draft = (await session.scalars(query.execution_options(populate_existing=True))).one()
    return draft


def _check_revision(stored: DraftFile | None, expected_revision: str | None) -> None:
    if stored is None or expected_revision == ANY:
        return
    if expected_revision is None and stored.deleted_at is not None:
        return
    if expected_revision is None:
        raise DraftFileExists(stored)
    if expected_revision.strip('"') != str(stored.revision):
        raise DraftFileChanged(stored)


async def _check_size(
    session: AsyncSession, principal: Principal, pack_id: UUID, files: Mapping[str, Content]
) -> None:
    for path, content in files.items():
        if len(content.data) > MAX_FILE_BYTES:
            raise DraftTooLarge(
                f"{path!r} has {len(content.data):,} bytes; the limit for a file of a draft is "
                f"{MAX_FILE_BYTES:,}. Store it in the drive, or push it as part of a bundle.",
                limit=MAX_FILE_BYTES,
            )
    query = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == pack_id, col(DraftFile.path).not_in(list(files))
    )
    sums = query.with_only_columns(func.count(), func.coalesce(func.sum(col(DraftFile.size_bytes)), 0))
    count, size_bytes = (await session.execute(sums)).one()
    if (
        count + len(files) > MAX_FILES
        or size_bytes + sum(len(content.data) for content in files.values()) > MAX_BYTES
    ):
        raise DraftTooLarge(
            f"A draft can have at most {MAX_FILES:,} files and {MAX_BYTES >> 20} MiB, including deleted "
            "files. Publish it, which removes the deleted ones, or remove files.",
            limit=MAX_FILES,
        )


async def _put(
    session: AsyncSession, principal: Principal, draft: Draft, path: str, content: Content
) -> DraftFile:
    _touch(principal, draft)
    stored = await find_file(session, principal, draft.skillpack_id, path)
    if stored is None:
        stored = new_row(principal, draft, path, content)
        session.add(stored)
    stored.content, stored.size_bytes, stored.is_executable = (
        content.data,
        len(content.data),
        content.is_executable,
    )
    stored.revision, stored.updated_by, stored.updated_at = draft.revision, principal.label, now()
    stored.deleted_at = None
    await session.flush()
    return stored


async def _delete_all(session: AsyncSession, principal: Principal, draft: Draft) -> None:
    """Delete all files except notebooks, which no version contains and nothing would replace."""
    query = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == draft.skillpack_id,
        col(DraftFile.deleted_at).is_(None),
        ~col(DraftFile.path).endswith(NOTEBOOK_SUFFIX),
    )
    for row in (await session.scalars(query)).all():
        row.deleted_at, row.updated_by, row.revision = now(), principal.label, draft.revision
    await session.flush()


def _touch(principal: Principal, draft: Draft) -> None:
    draft.revision += 1
    draft.updated_by, draft.updated_at = principal.label, now()
