"""The storage server of the contract tests: one that the tests run, or a real one that the environment names.

Tests that need a server to fail, or read its state, use the fixture `supabase` and the server of the tests only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from backend.config import supabase_project
from backend.storage.supabase.storage import Buckets
from tests.factories.supabase_objects import Bucket
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer

URL: Final = "PURAS_TEST_STORAGE_URL"
KEY: Final = "PURAS_TEST_STORAGE_KEY"
REMOTE: Final = "PURAS_TEST_STORAGE_REMOTE"
TEST_SERVER_BUCKETS: Final = Buckets("puras-bundles", "puras-drive")
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
TIMEOUT_S: Final = 60.0
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class StorageServer:
    """A storage server with two buckets that only these tests use."""

    url: str
    service_key: SecretStr
    buckets: Buckets

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of an instance whose files are on this server."""
        return {
            "SUPABASE_URL": self.url,
            "SUPABASE_SERVICE_KEY": self.service_key.get_secret_value(),
            "PURAS_SUPABASE_BUNDLES_BUCKET": self.buckets.bundles,
            "PURAS_SUPABASE_DRIVE_BUCKET": self.buckets.drive,
        }

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return the contents of a bucket by key."""
        with self._http() as http:
            return {
                key: http.get(f"object/{bucket}/{quote(key)}").raise_for_status().content
                for key in _keys(http, bucket)
            }

    def create(self) -> None:
        """Create the buckets, which must not exist."""
        with self._http() as http:
            for name in self.buckets:
                http.post("bucket", json={"id": name, "name": name, "public": False}).raise_for_status()

    def remove(self) -> None:
        """Delete the buckets with all their objects."""
        with self._http() as http:
            for name in self.buckets:
                while keys := _keys(http, name)[:PAGE]:
                    http.request("DELETE", f"object/{name}", json={"prefixes": keys}).raise_for_status()
                http.delete(f"bucket/{name}").raise_for_status()

    def _http(self) -> httpx.Client:
        key = self.service_key.get_secret_value()
        headers = {"Authorization": f"Bearer {key}", "apikey": key}
        return httpx.Client(base_url=f"{self.url}/storage/v1/", headers=headers, timeout=TIMEOUT_S)


def server_of_environment(environment: Mapping[str, str] = os.environ) -> tuple[str, SecretStr] | None:
    """Return the URL and the service key of the server that the environment names, or None for that of the tests.

    Raises:
        UsageError: The named server cannot be used, or only with another variable.
    """
    url, key = environment.get(URL, "").rstrip("/"), environment.get(KEY, "")
    if not url and not key:
        return None
    if not url or not key:
        raise pytest.UsageError(f"Set both {URL} and {KEY}, or neither.")
    try:
        supabase_project.check(url, SecretStr(key))
    except ValueError as error:
        raise pytest.UsageError(f"{URL} and {KEY} name no storage server to test: {error}") from None
    if urlsplit(url).hostname not in LOOPBACK and environment.get(REMOTE) != "1":
        raise pytest.UsageError(
            f"{URL} is on another host. The tests create buckets there, fill them and delete them: use a project "
            f"that holds nothing else, and set {REMOTE}=1."
        )
    return url, SecretStr(key)


@contextmanager
def serving_storage() -> Iterator[StorageServer]:
    """Yield a storage server with empty buckets; those of a real server are created for this and deleted after it."""
    real = server_of_environment()
    if real is None:
        server = SupabaseServer()
        for name in TEST_SERVER_BUCKETS:
            server.buckets[name] = Bucket()
        with server.running():
            yield serve_test_server(server)
        return
    with temporary_buckets(*real) as served:
        yield served


@contextmanager
def temporary_buckets(url: str, service_key: SecretStr) -> Iterator[StorageServer]:
    """Create two buckets under names that no other test and no project has, and delete them at the end."""
    mark = uuid4().hex[:12]
    served = StorageServer(
        url, service_key, Buckets(f"puras-test-{mark}-bundles", f"puras-test-{mark}-drive")
    )
    served.create()
    try:
        yield served
    finally:
        served.remove()


def serve_test_server(server: SupabaseServer) -> StorageServer:
    """Return the storage server of the tests in the form that the fixtures share."""
    return StorageServer(server.url, SecretStr(SERVICE_KEY), TEST_SERVER_BUCKETS)


def _keys(http: httpx.Client, bucket: str) -> list[str]:
    keys: list[str] = []
    query: dict[str, Any] = {"prefix": "", "limit": 1000, "with_delimiter": False}
    while True:
        page = http.post(f"object/list-v2/{bucket}", json=query).raise_for_status().json()
        keys += [found.get("key") or found["name"] for found in page["objects"]]
        if not page["hasNext"]:
            return keys
        query["cursor"] = page["nextCursor"]
