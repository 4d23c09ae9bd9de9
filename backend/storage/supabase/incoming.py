"""A file on its way into a drive in Supabase."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

from backend.core.errors import PurasError
from backend.storage import DriveEntry
from backend.storage.mime import HEAD_BYTES, UNKNOWN, by_name, sniff
from backend.storage.paths import DrivePath
from backend.storage.spool import Spooled
from backend.storage.supabase import files
from backend.storage.supabase.bucket import Bucket
from backend.storage.supabase.uploads import Source, upload

WAITING: Final = "incoming/"
"""Where whole files wait to be placed; no project has that id."""


class SupabaseIncoming:
    """A file on its way in: on this machine until it is whole, then beside the drives until it is placed."""

    def __init__(self, drives: Bucket, spooled: Spooled) -> None:
        self._drives = drives
        self._spooled = spooled
        self._settled_key: str | None = None

    @property
    def size_bytes(self) -> int:
        """See `Incoming.size_bytes`."""
        return self._spooled.size_bytes

    @property
    def sha256(self) -> str:
        """See `Incoming.sha256`."""
        return self._spooled.sha256

    async def write(self, chunk: bytes) -> None:
        """See `Incoming.write`."""
        await self._spooled.write(chunk)

    async def settle(self) -> None:
        """See `Incoming.settle`."""
        key = f"{WAITING}{self._spooled.staged.name}"
        source = await source_of(self._spooled, UNKNOWN)
        head = await source.read(0, min(HEAD_BYTES, source.size_bytes))
        await upload(self._drives, key, replace(source, mime=sniff(head, "")))
        self._settled_key = key

    async def place(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """See `Incoming.place`."""
        if self._settled_key is None:
            source = await source_of(self._spooled, by_name(path.name))
            return await files.put(self._drives, project_id, path, source)
        return await files.put_copy(self._drives, project_id, path, self._settled_key)

    async def discard(self) -> None:
        """Remove what waits beside the drives; what cannot be removed now goes with the next day's."""
        if self._settled_key is not None:
            with suppress(PurasError):
                await self._drives.remove([self._settled_key])


async def source_of(spooled: Spooled, mime: str) -> Source:
    """What was written so far, to be sent."""
    await asyncio.to_thread(spooled.flush, durably=False)
    return Source(spooled.descriptor, spooled.size_bytes, mime)
