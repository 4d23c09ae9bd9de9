"""Store generated media in the drive: all files in one transaction with their price, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core import ids
from backend.core.clock import now
from backend.data.drive import provenance, usage
from backend.data.drive.uploads.ingest import destination, drives_of, file_at, owner_uid, release_replaced
from backend.identity.auth.principal import Principal
from backend.integrations.media.calls import Call
from backend.integrations.media.plan import Plan
from backend.storage import DriveEntry, Incoming, Storage
from backend.storage.mime import HEAD_BYTES, by_name, sniff
from backend.storage.paths import ROOT, DrivePath

Result = TypeVar("Result")

_CHUNK_BYTES: Final = 1 << 20
_SUFFIXES: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
}


class StoredFiles(NamedTuple):
    """Where the files are stored."""

    paths: tuple[str, ...]
    warnings: tuple[str, ...]


class Destination(NamedTuple):
    """Where the caller wants the files."""

    path: DrivePath

    @classmethod
    def of(cls, requested_path: str | None, plan: Plan, call: Call, base: DrivePath = ROOT) -> Self:
        """Return the requested path, or one that is always the same for a call; always below the folder `base`.

        Raises:
            BadDrivePath: The path is invalid.
        """
        digest = hashlib.sha256(f"{call.job_id}\n{call.key}".encode()).hexdigest()[:10]
        own_name = f"{plan.family.kind}-{digest}"
        path = destination(requested_path or f"media/{ids.short(call.job_id)}/", own_name)
        is_below = path.parts[: len(base.parts)] == base.parts
        return cls(path if is_below else DrivePath((*base.parts, *path.parts)))

    @property
    def suffix(self) -> str:
        """Return the suffix of the name in lower case; empty if there is none."""
        return Path(self.path.name).suffix.lower()

    def path_for(self, number: int, mime: str) -> tuple[DrivePath, bool]:
        """Return the path of one of several files, and whether its suffix differs from the requested one."""
        name = Path(self.path.name)
        has_right_suffix = by_name(name.name) == mime
        suffix = name.suffix if has_right_suffix else _SUFFIXES.get(mime, name.suffix)
        has_media_suffix = by_name(name.name).partition("/")[0] in ("image", "video", "audio")
        stem = name.stem if has_right_suffix or has_media_suffix else name.name
        number_suffix = f"-{number + 1}" if number else ""
        path = self.path.folder.joined(f"{stem}{number_suffix}{suffix}")
        return path, has_media_suffix and not has_right_suffix


async def store_files(
    context: AppContext,
    principal: Principal,
    target: Destination,
    files: Sequence[Path],
    *,
    before: Callable[[AsyncSession], Awaitable[None]],
    after: Callable[[StoredFiles, AsyncSession], Awaitable[Result]],
) -> Result:
    """Store the files in the project's drive; `before` and `after` run in the same transaction.

    Raises:
        DriveQuotaReached: They exceed the quota of the drive.
        PathTaken: A folder has the path.
    """
    drives, sizes = drives_of(context), [path.stat().st_size for path in files]
    replaced: list[DriveEntry | None] = []
    async with AsyncExitStack() as stack:
        received = [await _receive(stack, context, path) for path in files]
        space = await stack.enter_async_context(
            usage.reserved(drives, principal.project_id, sum(sizes), len(sizes))
        )
        async with context.database.transaction() as session:
            await before(session)
            stored = await _store(session, context.storage, principal, (target, received), replaced)
            result = await after(stored, session)
            space.keep()
    for entry in replaced:
        await release_replaced(drives, principal, entry)
    return result


class _Received(NamedTuple):
    incoming: Incoming
    mime: str


async def _receive(stack: AsyncExitStack, context: AppContext, path: Path) -> _Received:
    incoming = await stack.enter_async_context(context.storage.receive())
    head = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            head = head or chunk[:HEAD_BYTES]
            await incoming.write(chunk)
    await incoming.stage()
    return _Received(incoming, sniff(head, path.name))


async def _store(
    session: AsyncSession,
    storage: Storage,
    principal: Principal,
    files: tuple[Destination, Sequence[_Received]],
    replaced: list[DriveEntry | None],
) -> StoredFiles:
    target, received = files
    uid = await owner_uid(session, principal)
    paths, warnings = [], []
    for number, (incoming, mime) in enumerate(received):
        path, is_renamed = target.path_for(number, mime)
        if is_renamed:
            warnings.append(f"The file is {mime}, so it is called {path.name!r}.")
        replaced.append(await file_at(storage, principal, path))
        entry = await incoming.place(principal.project_id, path, owner_uid=uid)
        await provenance.put(
            session,
            principal.project_id,
            entry,
            sha256=incoming.sha256,
            written_by=provenance.writer_of(principal),
            written_at=now(),
        )
        paths.append(str(path))
    return StoredFiles(tuple(paths), tuple(warnings))
