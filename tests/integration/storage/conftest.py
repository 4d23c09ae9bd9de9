"""Fixtures for both storages, each empty, and a drive in them; the local drive can also be changed as a job does."""

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
from tests.integration.storage.storage_servers import TEST_SERVER_BUCKETS as BUCKETS
from tests.integration.storage.storage_servers import (
    StorageServer,
    serve_test_server,
    server_of_environment,
    serving_storage,
    temporary_buckets,
)

SHORT_RETRIES = RetryPolicy(first_pause_s=0.01, max_s=5.0)


@dataclass(frozen=True, slots=True)
class ProjectDrive:
    """The drive of one project, as the API accesses it."""

    storage: Storage
    project_id: UUID
    owner_uid: int | None

    async def write(self, path: str, content: bytes) -> DriveEntry:
        """Store a file as the API does."""
        async with self.storage.receive() as incoming:
            await incoming.write(content)
            await incoming.stage()
            return await incoming.place(self.project_id, parse_drive_path(path), owner_uid=self.owner_uid)

    async def read(self, path: str) -> bytes:
        """Return the content of a file as the API reads it."""
        file = await self.storage.open_read(self.project_id, parse_drive_path(path))
        try:
            return b"".join([chunk async for chunk in file.chunks(0, file.entry.size_bytes)])
        finally:
            await file.close()


@dataclass(frozen=True, slots=True)
class LiveDrive(ProjectDrive):
    """The local drive of one project, as the API and as its jobs access it."""

    folder: Path
    """The folder that the jobs of the project see."""


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
    """Start the storage server of the tests with its buckets, for tests that make it fail or read its state."""
    if server_of_environment() is not None:
        pytest.skip("needs the storage server of the tests, which can fail on request")
    server = SupabaseServer()
    for name in BUCKETS:
        server.buckets[name] = Bucket()
    with server.running():
        yield server


@pytest.fixture
def storage_server(request: pytest.FixtureRequest) -> Iterator[StorageServer]:
    """Yield the server that the environment names, with new buckets, or the server of the tests."""
    real = server_of_environment()
    if real is None:
        yield serve_test_server(request.getfixturevalue("supabase"))
        return
    with temporary_buckets(*real) as served:
        yield served


@pytest.fixture(scope="module")
def storage_server_of_module() -> Iterator[StorageServer]:
    """Yield the same for all tests of a module."""
    with serving_storage() as served:
        yield served


@pytest_asyncio.fixture
async def supabase_storage(storage_server: StorageServer, tmp_path: Path) -> AsyncIterator[SupabaseStorage]:
    storage = SupabaseStorage(
        storage_server.url,
        storage_server.service_key,
        storage_server.buckets,
        incoming=tmp_path / "incoming",
        retry_policy=SHORT_RETRIES if server_of_environment() is None else None,
    )
    yield storage
    await storage.close()


@pytest.fixture
def supabase_drive(supabase_storage: SupabaseStorage) -> ProjectDrive:
    return ProjectDrive(supabase_storage, uuid4(), None)


@pytest.fixture(params=["local", "supabase"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """Return each storage in turn, for the rules that both follow."""
    choice: Storage = request.getfixturevalue(f"{request.param}_storage")
    return choice


@pytest.fixture
def drive(storage: Storage) -> ProjectDrive:
    owner_uid = sandbox_uid(7) if isinstance(storage, LocalStorage) else None
    return ProjectDrive(storage, uuid4(), owner_uid)
