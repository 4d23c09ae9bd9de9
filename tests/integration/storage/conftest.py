"""A storage in a folder of the test's own, and a drive in it that the test changes as a job would."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from backend.drive.paths import parse_drive_path
from backend.storage import DriveEntry, Storage
from backend.storage.local import LocalStorage
from backend.storage.sandbox_uids import sandbox_uid


@dataclass(frozen=True, slots=True)
class LiveDrive:
    """One project's drive, from both sides."""

    storage: Storage
    project_id: UUID
    owner_uid: int | None
    folder: Path
    """The folder as the project's jobs see it."""

    async def write(self, path: str, content: bytes) -> DriveEntry:
        """Put a file there as the API does."""
        async with self.storage.receive() as incoming:
            await incoming.write(content)
            return await incoming.place(self.project_id, parse_drive_path(path), owner_uid=self.owner_uid)

    async def read(self, path: str) -> bytes:
        """The content of a file as the API reads it."""
        file = await self.storage.open_read(self.project_id, parse_drive_path(path))
        try:
            return b"".join([chunk async for chunk in file.chunks(0, file.entry.size_bytes)])
        finally:
            await file.close()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return LocalStorage(tmp_path / "state")


@pytest.fixture
def live_drive(storage: Storage) -> LiveDrive:
    project_id, owner_uid = uuid4(), sandbox_uid(7)
    folder = storage.drive_dir(project_id, owner_uid)
    assert os.geteuid() != 0 or owner_uid == 2_000_007
    return LiveDrive(storage, project_id, owner_uid, folder)
