"""Writing a working copy: one change after the other, and none over one that the writer has not seen."""

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
from backend.authoring.drafts.reading import MAX_FILE_BYTES, Content, find, new_row, paths_beside, read
from backend.authoring.drafts.tables import Draft, DraftFile
from backend.core.clock import now
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.skillpacks.tables import Skillpack

MAX_FILES: Final = 1_000
MAX_BYTES: Final = 64 << 20
ANY: Final = "*"
"""In the place of a revision: whatever is there."""


async def write(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    path: str,
    content: Content,
    *,
    seen: str | None,
) -> DraftFile:
    """Write a file; `seen` is the revision of it that the writer knows, `*` for any, none for a new file.

    Raises:
        DraftFileChanged: somebody has written or deleted it since, or it is not new.
        DraftPathUnusable, DraftPathTaken: it cannot be there.
        DraftTooLarge: the file, or the working copy with it, is too large.
    """
    draft = await hold(session, principal, pack)
    kept = await find(session, principal, draft.skillpack_id, path)
    _check_seen(kept, seen)
    if kept is None or kept.deleted_at is not None:
        paths.check(path, await paths_beside(session, principal, draft.skillpack_id, path))
    await _make_room(session, principal, draft.skillpack_id, {path: content})
    return await _put(session, principal, draft, path, content)


async def delete(
    session: AsyncSession, principal: Principal, pack: Skillpack, path: str, *, seen: str | None
) -> Draft:
    """Delete a file; `restore` brings it back until the next publish.

    Raises:
        DraftFileNotFound: there is none.
        DraftFileChanged: somebody has written it since.
    """
    draft = await hold(session, principal, pack)
    kept = await find(session, principal, draft.skillpack_id, path)
    if kept is None or kept.deleted_at is not None:
        raise DraftFileNotFound(path)
    _check_seen(kept, seen or ANY)
    _touch(principal, draft)
    kept.deleted_at, kept.updated_by, kept.revision = now(), principal.label, draft.revision
    await session.flush()
    return draft


async def restore(session: AsyncSession, principal: Principal, pack: Skillpack, path: str) -> DraftFile:
    """Bring a deleted file back as it was.

    Raises:
        DraftFileNotFound: none of that name was deleted.
        DraftPathTaken: something else is there now.
    """
    draft = await hold(session, principal, pack)
    kept = await find(session, principal, draft.skillpack_id, path)
    if kept is None or kept.deleted_at is None:
        raise DraftFileNotFound(path)
    paths.check(path, await paths_beside(session, principal, draft.skillpack_id, path))
    return await _put(session, principal, draft, path, Content(kept.content, kept.is_executable))


async def move(session: AsyncSession, principal: Principal, pack: Skillpack, path: str, to: str) -> Draft:
    """Give a file another path, or all files of a folder (`skills/old/` to `skills/new/`).

    Raises:
        DraftFileNotFound: there is nothing.
        DraftPathUnusable, DraftPathTaken: it cannot go there.
    """
    draft = await hold(session, principal, pack)
    all_paths = await paths_beside(session, principal, draft.skillpack_id, "")
    if path.endswith("/"):
        moved = {
            one: to.rstrip("/") + "/" + one.removeprefix(path) for one in all_paths if one.startswith(path)
        }
    else:
        moved = {path: to} if path in all_paths else {}
    if not moved:
        raise DraftFileNotFound(path)
    staying = [one for one in all_paths if one not in moved]
    for wanted in moved.values():
        paths.check(wanted, staying)
    for one, wanted in moved.items():
        kept = await read(session, principal, pack, one)
        await _put(session, principal, draft, wanted, Content(kept.content, kept.is_executable))
        kept.deleted_at, kept.updated_by, kept.revision = now(), principal.label, draft.revision
    await session.flush()
    return draft


async def replace(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    files: Mapping[str, Content],
    *,
    keeps_others: bool,
    base_deployment_id: UUID | None = None,
) -> Draft:
    """Put these files in; without `keeps_others` all others but notebooks are deleted, and can be restored.

    Raises:
        DraftPathUnusable, DraftPathTaken: one of them cannot be there.
        DraftTooLarge: they are too many or too large.
    """
    draft = await hold(session, principal, pack)
    _touch(principal, draft)
    there = await paths_beside(session, principal, draft.skillpack_id, "")
    if not keeps_others:
        await _delete_all(session, principal, draft)
        there = [path for path in there if path.endswith(NOTEBOOK_SUFFIX)]
        draft.base_deployment_id = base_deployment_id
    known = set(there)
    for path in files:
        if path not in known:
            paths.check(path, known)
            known.add(path)
    await _make_room(session, principal, draft.skillpack_id, files)
    for path, content in files.items():
        await _put(session, principal, draft, path, content)
    facts = {"files": len(files), "keeps_others": keeps_others}
    await audit.record(session, principal, "draft.replaced", str(draft.skillpack_id), **facts)
    return draft


async def published(
    session: AsyncSession, principal: Principal, pack: Skillpack, deployment_id: UUID
) -> None:
    """Note which version the working copy is now, and forget what was deleted before."""
    draft = await hold(session, principal, pack)
    draft.base_deployment_id = deployment_id
    gone = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == draft.skillpack_id, col(DraftFile.deleted_at).is_not(None)
    )
    for row in (await session.scalars(gone)).all():
        await session.delete(row)
    await session.flush()


async def hold(session: AsyncSession, principal: Principal, pack: Skillpack) -> Draft:
    """The working copy, held until the transaction ends: its changes come one after another."""
    principal.require(Role.DEVELOPER, "deployments:write")
    query = visible(Draft, principal).where(col(Draft.skillpack_id) == pack.id).with_for_update()
    draft: Draft = (await session.scalars(query.execution_options(populate_existing=True))).one()
    return draft


def _check_seen(kept: DraftFile | None, seen: str | None) -> None:
    if kept is None or seen == ANY:
        return
    if seen is None and kept.deleted_at is not None:
        return
    if seen is None:
        raise DraftFileExists(kept)
    if seen.strip('"') != str(kept.revision):
        raise DraftFileChanged(kept)


async def _make_room(
    session: AsyncSession, principal: Principal, pack_id: UUID, files: Mapping[str, Content]
) -> None:
    for path, content in files.items():
        if len(content.data) > MAX_FILE_BYTES:
            raise DraftTooLarge(
                f"{path!r} has {len(content.data):,} bytes; a file of a working copy has at most {MAX_FILE_BYTES:,}. "
                "Put it on the drive, or push it as part of a bundle.",
                limit=MAX_FILE_BYTES,
            )
    query = visible(DraftFile, principal).where(
        col(DraftFile.skillpack_id) == pack_id, col(DraftFile.path).not_in(list(files))
    )
    sums = query.with_only_columns(func.count(), func.coalesce(func.sum(col(DraftFile.size_bytes)), 0))
    count, size_bytes = (await session.execute(sums)).one()
    if (
        count + len(files) > MAX_FILES
        or size_bytes + sum(len(one.data) for one in files.values()) > MAX_BYTES
    ):
        raise DraftTooLarge(
            f"A working copy has at most {MAX_FILES:,} files and {MAX_BYTES >> 20} MiB, deleted ones included. "
            "Publish it, which forgets those, or leave files out.",
            limit=MAX_FILES,
        )


async def _put(
    session: AsyncSession, principal: Principal, draft: Draft, path: str, content: Content
) -> DraftFile:
    _touch(principal, draft)
    kept = await find(session, principal, draft.skillpack_id, path)
    if kept is None:
        kept = new_row(principal, draft, path, content)
        session.add(kept)
    kept.content, kept.size_bytes, kept.is_executable = content.data, len(content.data), content.is_executable
    kept.revision, kept.updated_by, kept.updated_at = draft.revision, principal.label, now()
    kept.deleted_at = None
    await session.flush()
    return kept


async def _delete_all(session: AsyncSession, principal: Principal, draft: Draft) -> None:
    """All but the notebooks, which no version has and which therefore nothing takes the place of."""
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
