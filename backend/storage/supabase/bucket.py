"""One bucket: find, list, remove and sign its objects through the Supabase client, with retries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError
from storage3.exceptions import StorageApiError
from storage3.types import SearchV2Object, SearchV2Options
from supabase import AsyncClient, AsyncClientOptions

from backend.core.clock import now
from backend.storage.errors import StorageUnavailable
from backend.storage.supabase import responses
from backend.storage.supabase.responses import StorageError
from backend.storage.supabase.retries import RetryPolicy, with_retries

PAGE: Final = 1000
"""Maximum number of objects in one response of the storage."""
_TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)
_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30.0)

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The metadata of an object."""

    key: str
    size_bytes: int
    version: str
    """Its entity tag, without quotes."""
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """A page of a listing, in the order of keys; the key of a folder ends with a slash."""

    objects: list[StoredObject]
    folders: list[str]
    next_cursor: str | None


class Connection:
    """The connections of one process to one Supabase project, used for all requests."""

    def __init__(self, url: str, service_key: SecretStr, retry_policy: RetryPolicy | None = None) -> None:
        self.retry_policy = retry_policy or RetryPolicy()
        self.http = httpx.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS)
        self._client = AsyncClient(
            url,
            service_key.get_secret_value(),
            AsyncClientOptions(httpx_client=self.http, auto_refresh_token=False, persist_session=False),
        )
        self.storage = self._client.storage
        self.storage_url = str(self._client.storage_url)
        """The URL of the storage, which ends with a slash."""
        self.is_public = url.startswith("https://")
        """Whether other hosts can reach the storage, so that clients may get its URLs."""
        self.headers: Mapping[str, str] = dict(self._client.options.headers)

    async def close(self) -> None:
        """Close every connection."""
        await self.http.aclose()


class Bucket:
    """One bucket of the project."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        self._files = connection.storage.from_(name)

    async def find(self, key: str) -> StoredObject | None:
        """Return the object of that key, or None if it does not exist.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        try:
            return _of_info(key, await self._call("info", lambda: self._files.info(key)))
        except StorageError as error:
            if error.is_missing:
                return None
            raise responses.as_puras_error(error) from None

    async def page(
        self, prefix: str, *, is_delimited: bool, limit: int = PAGE, cursor: str | None = None
    ) -> ObjectPage:
        """Return objects whose keys start with the prefix; delimited: only up to the next slash, and as folders.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        options: SearchV2Options = {
            "prefix": prefix,
            "limit": min(limit, PAGE),
            "with_delimiter": is_delimited,
        }
        if cursor is not None:
            options["cursor"] = cursor
        try:
            found = await self._call("list", lambda: self._files.list_v2(options))
        except StorageError as error:
            raise responses.as_puras_error(error) from None
        parent = prefix.rpartition("/")[0] + "/"
        return ObjectPage(
            objects=[
                _of_listing(_full_key(each.name, each.key, prefix, parent), each) for each in found.objects
            ],
            folders=[
                _full_key(each.name, each.key, prefix, parent).rstrip("/") + "/" for each in found.folders
            ],
            next_cursor=found.nextCursor if found.hasNext else None,
        )

    async def has_below(self, prefix: str) -> bool:
        """Return whether the key of any object starts with the prefix.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        page = await self.page(prefix, is_delimited=False, limit=1)
        return bool(page.objects)

    async def whole(self, key: str) -> bytes | None:
        """Return all bytes of an object; None if it does not exist.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        try:
            return await self._call("download", lambda: self._files.download(key))
        except StorageError as error:
            if error.is_missing:
                return None
            raise responses.as_puras_error(error) from None

    async def copy(self, from_key: str, to_key: str) -> None:
        """Copy an object; it replaces an object with the new key.

        Raises:
            StorageUnavailable: The storage does not respond, or the source does not exist.
        """
        body = {"bucketId": self.name, "sourceKey": from_key, "destinationKey": to_key}

        async def once() -> None:
            response = await self._post("object/copy", body)
            if response.is_error and responses.of_response(response).is_taken:
                # Older versions ignore the header, and do not replace objects.
                await self._files.remove([to_key])
                response = await self._post("object/copy", body)
            if response.is_error:
                raise responses.of_response(response)

        try:
            await self._call("copy", once)
        except StorageError as error:
            raise responses.as_puras_error(error) from None

    async def _post(self, route: str, body: Mapping[str, object]) -> httpx.Response:
        headers = {**self.connection.headers, "x-upsert": "true"}
        return await self.connection.http.post(
            f"{self.connection.storage_url}{route}", json=body, headers=headers
        )

    async def remove(self, keys: list[str]) -> None:
        """Remove objects, if they exist.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        try:
            await self._call("remove", lambda: self._files.remove(keys))
        except StorageError as error:
            if not error.is_missing:
                raise responses.as_puras_error(error) from None

    async def signed_url(self, key: str, *, ttl_s: int, filename: str) -> str | None:
        """Return a temporary URL of the storage for the object; None if it does not exist.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        try:
            signed = await self._call(
                "sign", lambda: self._files.create_signed_url(key, ttl_s, {"download": filename})
            )
        except StorageError as error:
            if error.is_missing:
                return None
            raise responses.as_puras_error(error) from None
        return signed["signedUrl"]

    @asynccontextmanager
    async def reading(self, key: str, start: int, end: int) -> AsyncIterator[httpx.Response]:
        """Request the bytes from `start` to before `end`; yield the response, whose body is not yet read.

        Raises:
            StorageError: The storage responded with an error.
            TransportError: The connection was lost.
        """
        headers = {**self.connection.headers, "Accept-Encoding": "identity"}
        headers["Range"] = f"bytes={start}-{end - 1}"
        async with self.connection.http.stream("GET", self.object_url(key), headers=headers) as response:
            if response.status_code not in (200, 206):
                await response.aread()
                raise responses.of_response(response)
            yield response

    def object_url(self, key: str) -> str:
        """Return the URL of the object, for reads and writes."""
        return f"{self.connection.storage_url}object/{quote(self.name, safe='')}/{quote(key)}"

    async def _call(self, what: str, request: Callable[[], Awaitable[_Result]]) -> _Result:
        async def once() -> _Result:
            try:
                return await request()
            except StorageApiError as error:
                raise responses.of_error(error) from None
            except (ValidationError, ValueError, KeyError, TypeError) as error:
                raise StorageError(
                    502, "unreadable", f"not the response of a storage: {type(error).__name__}"
                ) from None

        return await with_retries(self.connection.retry_policy, f"{what} in {self.name}", once)


def version_of(etag: object) -> str:
    """Return an entity tag as the version of a file: printable ASCII without quotes and without a weak prefix."""
    text = str(etag or "").removeprefix("W/").strip('"')
    return "".join(letter for letter in text if "!" <= letter <= "~" and letter != '"') or "0"


def _full_key(name: str, key: str | None, prefix: str, parent: str) -> str:
    """Return the whole key: some versions of the storage send it as name or key, others only the part in the folder."""
    for candidate in (name, key):
        if candidate is not None and candidate.startswith(prefix):
            return candidate
    return parent + name


def _of_info(key: str, fields: Mapping[str, Any]) -> StoredObject:
    size, etag = fields.get("size"), fields.get("etag")
    if not isinstance(size, int) or isinstance(size, bool):
        raise StorageUnavailable(
            "The file storage does not return the size of a file. Update the storage server to a newer version."
        )
    return StoredObject(
        key, size, version_of(etag), _time(fields.get("last_modified") or fields.get("created_at"))
    )


def _of_listing(key: str, found: SearchV2Object) -> StoredObject:
    fields = found.metadata or {}
    size = fields.get("size", fields.get("contentLength", 0))
    return StoredObject(
        key, size if isinstance(size, int) else 0, version_of(fields.get("eTag")), found.updated_at
    )


def _time(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return now()
