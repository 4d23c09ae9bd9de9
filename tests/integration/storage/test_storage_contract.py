"""Behavior that the storage server of the tests shares with a real one, and the selection of a real one."""

from __future__ import annotations

import os

import httpx
import pytest
from pydantic import SecretStr

from backend.storage.paths import parse_drive_path
from backend.storage.supabase.bucket import Bucket, Connection
from backend.storage.supabase.incoming import INCOMING_PREFIX
from backend.storage.supabase.keys import object_key
from backend.storage.supabase.uploads import PIECE_BYTES
from tests.factories.supabase_objects import Bucket as StoredBucket
from tests.factories.supabase_objects import Stored
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer
from tests.integration.storage.conftest import ProjectDrive
from tests.integration.storage.storage_servers import (
    KEY,
    REMOTE,
    URL,
    StorageServer,
    server_of_environment,
    temporary_buckets,
)

LOCAL_URL = "http://127.0.0.1:8000"
REMOTE_URL = "https://example.supabase.co"


@pytest.mark.parametrize("size_bytes", [0, 5, 100_000, PIECE_BYTES + 5, 2 * PIECE_BYTES])
async def test_file_has_the_same_version_and_size_in_every_response(
    supabase_drive: ProjectDrive, size_bytes: int
) -> None:
    drive, path = supabase_drive, parse_drive_path("deep/er/file.bin")
    for content in (os.urandom(size_bytes), os.urandom(size_bytes)):
        written = await drive.write("deep/er/file.bin", content)
        assert await drive.read("deep/er/file.bin") == content
        found = await drive.storage.stat(drive.project_id, path)
        file = await drive.storage.open_read(drive.project_id, path)
        [listed] = await drive.storage.list(drive.project_id, parse_drive_path("deep/er"))
        assert written.version == found.version == file.entry.version == listed.version
        assert written.size_bytes == found.size_bytes == file.entry.size_bytes == listed.size_bytes
        await file.close()


async def test_signed_url_works_and_a_changed_one_does_not(
    storage_server: StorageServer, supabase_drive: ProjectDrive
) -> None:
    content = os.urandom(9 * 1024 * 1024)
    await supabase_drive.write("large.bin", content)
    connection = Connection(storage_server.url, storage_server.service_key)
    key = object_key(supabase_drive.project_id, parse_drive_path("large.bin"))
    bucket = Bucket(connection, storage_server.buckets.drive)
    url = await bucket.signed_url(key, ttl_s=60, filename="large.bin")
    await connection.close()
    assert url is not None
    async with httpx.AsyncClient() as http:
        assert (await http.get(url)).content == content
        assert (await http.get(url.replace("large.bin", "other.bin"))).status_code in (400, 403, 404)


async def test_upload_leaves_no_temporary_objects_in_the_bucket(
    storage_server: StorageServer, supabase_drive: ProjectDrive
) -> None:
    await supabase_drive.write("a.txt", b"x")
    connection = Connection(storage_server.url, storage_server.service_key)
    assert not await Bucket(connection, storage_server.buckets.drive).has_below(INCOMING_PREFIX)
    await connection.close()


def test_only_buckets_of_the_tests_are_deleted(supabase: SupabaseServer) -> None:
    supabase.buckets["of-another-project"] = StoredBucket(objects={"a.txt": Stored(b"theirs", "text/plain")})
    before = set(supabase.buckets)
    with pytest.raises(ConnectionError), temporary_buckets(supabase.url, SecretStr(SERVICE_KEY)) as served:
        assert before.isdisjoint(served.buckets)
        for number in range(120):
            supabase.buckets[served.buckets.drive].objects[f"p/{number}"] = Stored(b"x", "text/plain")
        assert len(served.objects(served.buckets.drive)) == 120
        raise ConnectionError
    assert set(supabase.buckets) == before
    assert supabase.objects("of-another-project") == {"a.txt": b"theirs"}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({URL: LOCAL_URL}, f"Set both {URL} and {KEY}"),
        ({KEY: SERVICE_KEY}, f"Set both {URL} and {KEY}"),
        ({URL: "not a url", KEY: SERVICE_KEY}, "name no storage server"),
        ({URL: LOCAL_URL, KEY: "sb_publishable_x"}, "a key of another kind"),
        ({URL: REMOTE_URL, KEY: SERVICE_KEY}, f"set {REMOTE}=1"),
    ],
)
def test_unusable_storage_server_is_rejected(environment: dict[str, str], words: str) -> None:
    with pytest.raises(pytest.UsageError, match=words):
        server_of_environment(environment)


def test_environment_selects_the_server() -> None:
    assert server_of_environment({}) is None
    assert server_of_environment({URL: f"{LOCAL_URL}/", KEY: SERVICE_KEY}) == (
        LOCAL_URL,
        SecretStr(SERVICE_KEY),
    )
    assert server_of_environment({URL: REMOTE_URL, KEY: SERVICE_KEY, REMOTE: "1"}) == (
        REMOTE_URL,
        SecretStr(SERVICE_KEY),
    )
