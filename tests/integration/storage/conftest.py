"""Both storages, each of the test's own, and a drive in them; the local one also as a job changes it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from backend.storage import DriveEntry, Storage
from backend.storage.local import LocalStorage
from backend.storage.paths import parse_drive_path
from backend.storage.sandbox_uids import sandbox_uid
from backend.storage.supabase.retries import RetryPolicy
from backend.storage.supabase.storage import SupabaseStorage
from tests.factories.supabase_objects import Bucket
from tests.factories.supabase_server import SupabaseServer
from tests.integration.storage.served import OF_THE_FAKE as BUCKETS
from tests.integration.storage.served import Served, named, of_fake, own_buckets, serving_storage

SHORT_RETRIES = RetryPolicy(first_pause_s=0.01, max_s=5.0)


@dataclass(frozen=True, slots=True)
class DriveOf:
    """One project's drive, from the side of the API."""

    storage: Storage
    project_id: UUID
    owner_uid: int | None

    async def write(self, path: str, content: bytes) -> DriveEntry:
        """Put a file there as the API does."""
        async with self.storage.receive() as incoming:
            await incoming.write(content)
            await incoming.stage()
            return await incoming.place(self.project_id, parse_drive_path(path), owner_uid=self.owner_uid)

    async def read(self, path: str) -> bytes:
        """The content of a file as the API reads it."""
        file = await self.storage.open_read(self.project_id, parse_drive_path(path))
        try:
            return b"".join([chunk async for chunk in file.chunks(0, file.entry.size_bytes)])
        finally:
            await file.close()


@dataclass(frozen=True, slots=True)
class LiveDrive(DriveOf):
    """One project's local drive, from both sides."""

    folder: Path
    """The folder as the project's jobs see it."""


@pytest.fixture
def local_storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "state")


@pytest.fixture
def live_drive(local_storage: LocalStorage) -> LiveDrive:
    project_id, owner_uid = uuid4(), sandbox_uid(7)
    folder = local_storage.drive_dir(project_id, owner_uid)
    assert os.geteuid() != 0 or owner_uid == 2_000_007
    return LiveDrive(local_storage, project_id, owner_uid, folder)


@pytest.fixture
def supabase() -> Iterator[SupabaseServer]:
    """The server of the tests, with the buckets: for tests that make it fail or read its state."""
    if named() is not None:
        pytest.skip("needs the server of the tests, which fails when it is told to")
    server = SupabaseServer()
    for name in BUCKETS:
        server.buckets[name] = Bucket()
    with server.running():
        yield server


@pytest.fixture
def storage_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    """The server that the environment names, with buckets of the test's own, or that of the tests."""
    real = named()
    if real is None:
        yield of_fake(request.getfixturevalue("supabase"))
        return
    with own_buckets(*real) as served:
        yield served


@pytest.fixture(scope="module")
def storage_server_of_module() -> Iterator[Served]:
    """The same for all tests of a module."""
    with serving_storage() as served:
        yield served


@pytest_asyncio.fixture
async def supabase_storage(storage_server: Served, tmp_path: Path) -> AsyncIterator[SupabaseStorage]:
    storage = SupabaseStorage(
        storage_server.url,
        storage_server.service_key,
        storage_server.buckets,
        incoming=tmp_path / "incoming",
        retry_policy=SHORT_RETRIES if named() is None else None,
    )
    yield storage
    await storage.close()


@pytest.fixture
def supabase_drive(supabase_storage: SupabaseStorage) -> DriveOf:
    return DriveOf(supabase_storage, uuid4(), None)


@pytest.fixture(params=["local", "supabase"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """Either storage: for the rules that both keep."""
    chosen: Storage = request.getfixturevalue(f"{request.param}_storage")
    return chosen


@pytest.fixture
def drive(storage: Storage) -> DriveOf:
    owner_uid = sandbox_uid(7) if isinstance(storage, LocalStorage) else None
    return DriveOf(storage, uuid4(), owner_uid)
