"""One bucket: its objects looked up, listed, removed and signed through the Supabase client, with patience."""

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
from backend.storage.supabase import answers
from backend.storage.supabase.answers import Answer
from backend.storage.supabase.retries import Patience, until_answered

PAGE: Final = 1000
"""The most that the storage lists at once."""
_TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)
_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30.0)

_Got = TypeVar("_Got")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the storage knows of an object."""

    key: str
    size_bytes: int
    version: str
    """Its entity tag, without quotes."""
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """A page of a listing, in the order of keys; a folder's key ends with a slash."""

    objects: list[StoredObject]
    folders: list[str]
    next_cursor: str | None


class Connection:
    """The connections of one process to one Supabase project, reused for everything."""

    def __init__(self, url: str, service_key: SecretStr, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self.http = httpx.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS)
        self._client = AsyncClient(
            url,
            service_key.get_secret_value(),
            AsyncClientOptions(httpx_client=self.http, auto_refresh_token=False, persist_session=False),
        )
        self.storage = self._client.storage
        self.storage_url = str(self._client.storage_url)
        """Ends with a slash."""
        self.is_public = url.startswith("https://")
        """Others than this machine can reach it: only then may they be sent there."""
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
        """The object of that key, if there is one.

        Raises:
            StorageUnavailable: nobody can tell.
        """
        try:
            return _found(key, await self._asked("info", lambda: self._files.info(key)))
        except Answer as answer:
            if answer.is_missing:
                return None
            raise answers.as_ours(answer) from None

    async def page(
        self, prefix: str, *, is_delimited: bool, limit: int = PAGE, cursor: str | None = None
    ) -> ObjectPage:
        """Objects whose keys begin with the prefix; delimited: only up to the next slash, and those as folders.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        options: SearchV2Options = {
            "prefix": prefix,
            "limit": min(limit, PAGE),
            "with_delimiter": is_delimited,
        }
        if cursor is not None:
            options["cursor"] = cursor
        try:
            found = await self._asked("list", lambda: self._files.list_v2(options))
        except Answer as answer:
            raise answers.as_ours(answer) from None
        parent = prefix.rpartition("/")[0] + "/"
        return ObjectPage(
            objects=[_listed(_whole(each.name, each.key, prefix, parent), each) for each in found.objects],
            folders=[_whole(each.name, each.key, prefix, parent).rstrip("/") + "/" for each in found.folders],
            next_cursor=found.nextCursor if found.hasNext else None,
        )

    async def has_below(self, prefix: str) -> bool:
        """Whether some object's key begins with the prefix.

        Raises:
            StorageUnavailable: nobody can tell.
        """
        page = await self.page(prefix, is_delimited=False, limit=1)
        return bool(page.objects)

    async def whole(self, key: str) -> bytes | None:
        """All bytes of an object; none if it is not there.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        try:
            return await self._asked("download", lambda: self._files.download(key))
        except Answer as answer:
            if answer.is_missing:
                return None
            raise answers.as_ours(answer) from None

    async def copy(self, from_key: str, to_key: str) -> None:
        """Make one object a copy of another one, in the place of an older one.

        Raises:
            StorageUnavailable: the storage does not answer, or has nothing to be copied.
        """
        body = {"bucketId": self.name, "sourceKey": from_key, "destinationKey": to_key}

        async def once() -> None:
            response = await self._post("object/copy", body)
            if response.is_error and answers.of_response(response).is_taken:
                await self._files.remove([to_key])  # a storage of before the header copies onto nothing only
                response = await self._post("object/copy", body)
            if response.is_error:
                raise answers.of_response(response)

        try:
            await self._asked("copy", once)
        except Answer as answer:
            raise answers.as_ours(answer) from None

    async def _post(self, route: str, body: Mapping[str, object]) -> httpx.Response:
        headers = {**self.connection.headers, "x-upsert": "true"}
        return await self.connection.http.post(
            f"{self.connection.storage_url}{route}", json=body, headers=headers
        )

    async def remove(self, keys: list[str]) -> None:
        """Remove objects; those that are not there are gone already.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        try:
            await self._asked("remove", lambda: self._files.remove(keys))
        except Answer as answer:
            if not answer.is_missing:
                raise answers.as_ours(answer) from None

    async def signed_url(self, key: str, *, ttl_s: int, filename: str) -> str | None:
        """An address of the storage's own that opens the object for a while; none if it is gone.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        try:
            signed = await self._asked(
                "sign", lambda: self._files.create_signed_url(key, ttl_s, {"download": filename})
            )
        except Answer as answer:
            if answer.is_missing:
                return None
            raise answers.as_ours(answer) from None
        return signed["signedUrl"]

    @asynccontextmanager
    async def reading(self, key: str, start: int, end: int) -> AsyncIterator[httpx.Response]:
        """The answer to a request for the bytes from `start` to before `end`, its body still to be read.

        Raises:
            Answer: the storage refuses, so far as it says so before the first byte.
            TransportError: the line is cut.
        """
        headers = {**self.connection.headers, "Accept-Encoding": "identity"}
        headers["Range"] = f"bytes={start}-{end - 1}"
        async with self.connection.http.stream("GET", self.object_url(key), headers=headers) as response:
            if response.status_code not in (200, 206):
                await response.aread()
                raise answers.of_response(response)
            yield response

    def object_url(self, key: str) -> str:
        """Where the object is written to and read from."""
        return f"{self.connection.storage_url}object/{quote(self.name, safe='')}/{quote(key)}"

    async def _asked(self, what: str, ask: Callable[[], Awaitable[_Got]]) -> _Got:
        async def once() -> _Got:
            try:
                return await ask()
            except StorageApiError as error:
                raise answers.of_error(error) from None
            except (ValidationError, ValueError, KeyError, TypeError) as error:
                raise Answer(
                    502, "unreadable", f"the answer is none of a storage: {type(error).__name__}"
                ) from None

        return await until_answered(self.connection.patience, f"{what} in {self.name}", once)


def version_of(etag: object) -> str:
    """An entity tag as the version of a file: printable ASCII without quotes and without marks of weakness."""
    text = str(etag or "").removeprefix("W/").strip('"')
    return "".join(letter for letter in text if "!" <= letter <= "~" and letter != '"') or "0"


def _whole(name: str, key: str | None, prefix: str, parent: str) -> str:
    """The whole key: versions of the storage tell it as the name or as the key, or only what follows the folder."""
    for told in (name, key):
        if told is not None and told.startswith(prefix):
            return told
    return parent + name


def _found(key: str, facts: Mapping[str, Any]) -> StoredObject:
    size, etag = facts.get("size"), facts.get("etag")
    if not isinstance(size, int) or isinstance(size, bool):
        raise StorageUnavailable(
            "The storage of files says nothing of the size of a file: it is too old for this."
        )
    return StoredObject(
        key, size, version_of(etag), _moment(facts.get("last_modified") or facts.get("created_at"))
    )


def _listed(key: str, found: SearchV2Object) -> StoredObject:
    facts = found.metadata or {}
    size = facts.get("size", facts.get("contentLength", 0))
    return StoredObject(
        key, size if isinstance(size, int) else 0, version_of(facts.get("eTag")), found.updated_at
    )


def _moment(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return now()
