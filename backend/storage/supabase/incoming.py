"""A file that is being written to a drive in Supabase."""

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

INCOMING_PREFIX: Final = "incoming/"
"""Prefix of complete files that are not placed yet; no project has that ID."""


class SupabaseIncoming:
    """A file that is being received: on this host until it is complete, then in the bucket until it is placed."""

    def __init__(self, drives: Bucket, spooled: Spooled) -> None:
        self._drives = drives
        self._spooled = spooled
        self._staged_key: str | None = None

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

    async def stage(self) -> None:
        """See `Incoming.stage`."""
        key = f"{INCOMING_PREFIX}{self._spooled.staged.name}"
        source = await source_of(self._spooled, UNKNOWN)
        head = await source.read(0, min(HEAD_BYTES, source.size_bytes))
        await upload(self._drives, key, replace(source, mime=sniff(head, "")))
        self._staged_key = key

    async def place(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """See `Incoming.place`."""
        if self._staged_key is None:
            source = await source_of(self._spooled, by_name(path.name))
            return await files.put(self._drives, project_id, path, source)
        return await files.put_copy(self._drives, project_id, path, self._staged_key)

    async def discard(self) -> None:
        """Remove the file from the bucket if it was not placed; if that fails, a daily cleanup removes it."""
        if self._staged_key is not None:
            with suppress(PurasError):
                await self._drives.remove([self._staged_key])


async def source_of(spooled: Spooled, mime: str) -> Source:
    """Return the bytes written so far as a source of an upload."""
    await asyncio.to_thread(spooled.flush, durably=False)
    return Source(spooled.descriptor, spooled.size_bytes, mime)
