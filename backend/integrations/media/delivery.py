"""Putting what was made into the drive: all of it in one transaction with its price, or none of it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core.clock import now
from backend.data.drive import provenance, usage
from backend.data.drive.ingest import destination, drives_of, file_at, give_back, owner_uid
from backend.identity.auth.principal import Principal
from backend.integrations.media.calls import Call
from backend.integrations.media.plan import Plan
from backend.storage import DriveEntry, Incoming, Storage
from backend.storage.mime import HEAD_BYTES, by_name, sniff
from backend.storage.paths import ROOT, DrivePath

Answer = TypeVar("Answer")

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


class Placed(NamedTuple):
    """Where it is."""

    paths: tuple[str, ...]
    warnings: tuple[str, ...]


class Wish(NamedTuple):
    """Where a caller wants it."""

    path: DrivePath

    @classmethod
    def of(cls, named: str | None, does: Plan, call: Call, base: DrivePath = ROOT) -> Self:
        """What the caller names, else a name that the same call always has; always below the folder `base`.

        Raises:
            BadDrivePath: it cannot be the path of a file.
        """
        mark = hashlib.sha256(f"{call.job_id}\n{call.key}".encode()).hexdigest()[:10]
        own_name = f"{does.family.kind}-{mark}"
        wanted = destination(named or f"media/{str(call.job_id)[:8]}/", own_name)
        is_below = wanted.parts[: len(base.parts)] == base.parts
        return cls(wanted if is_below else DrivePath((*base.parts, *wanted.parts)))

    @property
    def suffix(self) -> str:
        """How the name ends, in small letters; empty when it does not say what it is."""
        return Path(self.path.name).suffix.lower()

    def path_for(self, number: int, mime: str) -> tuple[DrivePath, bool]:
        """The path of one of several files, its ending true to what it is; and whether that is another one."""
        name = Path(self.path.name)
        is_true = by_name(name.name) == mime
        suffix = name.suffix if is_true else _SUFFIXES.get(mime, name.suffix)
        is_kind = by_name(name.name).partition("/")[0] in ("image", "video", "audio")
        stem = name.stem if is_true or is_kind else name.name
        more = f"-{number + 1}" if number else ""
        return self.path.folder.joined(f"{stem}{more}{suffix}"), is_kind and not is_true


async def place(
    context: AppContext,
    principal: Principal,
    wish: Wish,
    files: Sequence[Path],
    *,
    before: Callable[[AsyncSession], Awaitable[None]],
    after: Callable[[Placed, AsyncSession], Awaitable[Answer]],
) -> Answer:
    """Put the files into the project's drive; `before` and `after` are part of the same transaction.

    Raises:
        DriveQuotaReached: the drive has no room.
        PathTaken: a folder is there.
    """
    drives, sizes = drives_of(context), [path.stat().st_size for path in files]
    replaced: list[DriveEntry | None] = []
    async with AsyncExitStack() as stack:
        arrived = [await _arrived(stack, context, path) for path in files]
        room = await stack.enter_async_context(
            usage.taken(drives, principal.project_id, sum(sizes), len(sizes))
        )
        async with context.database.transaction() as session:
            await before(session)
            placed = await _place(session, context.storage, principal, (wish, arrived), replaced)
            answer = await after(placed, session)
            room.keep()
    for entry in replaced:
        await give_back(drives, principal, entry)
    return answer


class _Arrived(NamedTuple):
    incoming: Incoming
    mime: str


async def _arrived(stack: AsyncExitStack, context: AppContext, path: Path) -> _Arrived:
    incoming = await stack.enter_async_context(context.storage.receive())
    head = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            head = head or chunk[:HEAD_BYTES]
            await incoming.write(chunk)
    await incoming.settle()
    return _Arrived(incoming, sniff(head, path.name))


async def _place(
    session: AsyncSession,
    storage: Storage,
    principal: Principal,
    wanted: tuple[Wish, Sequence[_Arrived]],
    replaced: list[DriveEntry | None],
) -> Placed:
    wish, arrived = wanted
    uid = await owner_uid(session, principal)
    paths, warnings = [], []
    for number, (incoming, mime) in enumerate(arrived):
        path, is_other = wish.path_for(number, mime)
        if is_other:
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
    return Placed(tuple(paths), tuple(warnings))
