"""Read the input files of a call, from the drive or from the call itself, as URLs that a provider can read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from backend.core.errors import Problem
from backend.data.drive.listing_access import ListingAccess
from backend.identity.auth.principal import Principal
from backend.integrations.media.download import FetchError, fetch
from backend.integrations.media.errors import BadMediaInputs
from backend.integrations.media.inputs import VideoInputs
from backend.integrations.media.plan import FILES, Plan
from backend.integrations.media.provider import Sources
from backend.storage import Storage
from backend.storage.file_errors import BadDrivePath, DriveFileLocked, DriveFileMissing
from backend.storage.mime import HEAD_BYTES, UNKNOWN, sniff
from backend.storage.paths import parse_drive_path

MAX_BYTES: Final = 25 << 20
"""Maximum size of one file, which is sent within the request."""
MAX_TOTAL_BYTES: Final = 60 << 20
_FETCH_S: Final = 60.0
_MEASURED: Final = ("audio", "lipsync_audio")
"""Recordings whose duration determines the price. They are always fetched, to measure them."""


class _File(NamedTuple):
    data: bytes
    mime: str


class Loader:
    """Reads the files that a call of one project names."""

    def __init__(
        self,
        storage: Storage,
        principal: Principal,
        scratch: Path,
        *,
        allowed_hosts: Collection[str],
        listing_access: ListingAccess | None = None,
    ) -> None:
        """Prepare to read; with `listing_access`, only the files that it allows."""
        self._listing_access = listing_access
        self._storage = storage
        self._principal = principal
        self._scratch = scratch
        self._allowed_hosts = allowed_hosts
        self._bytes = 0
        self._may_go_outside = False

    async def load(self, plan: Plan, *, may_go_outside: bool) -> Sources:
        """Return the files of the call.

        Raises:
            BadMediaInputs: A file does not exist, is not a file, or is too large, or the skill may not use the URL.
        """
        sources = Sources({})
        self._may_go_outside = may_go_outside
        for name in FILES:
            value = getattr(plan.inputs, name, None)
            if not value or (name == "audio" and isinstance(plan.inputs, VideoInputs)):
                continue
            values = value if isinstance(value, list) else [value]
            paths = [
                f"inputs.{name}.{n}" if isinstance(value, list) else f"inputs.{name}"
                for n in range(len(values))
            ]
            sources.urls[name] = [
                await self._url(item, path, sources, is_measured=name in _MEASURED)
                for item, path in zip(values, paths, strict=True)
            ]
        return sources

    async def _url(self, value: Any, path: str, sources: Sources, *, is_measured: bool) -> str:
        text, mime = _text_of(value, path)
        if _is_url(text) and not self._may_go_outside:
            raise _bad_input(
                path,
                "The skill's 'network' does not allow URLs of the internet. Store the file in the drive.",
            )
        if _is_url(text) and not is_measured:
            return text
        file = await self._file(text, mime, path)
        self._bytes += len(file.data)
        if self._bytes > MAX_TOTAL_BYTES:
            raise _bad_input(
                path, f"The files of the call have more than {MAX_TOTAL_BYTES >> 20} MiB in total."
            )
        if is_measured:
            sources.audio_bytes = len(file.data)
        return f"data:{file.mime};base64,{base64.b64encode(file.data).decode()}"

    async def _file(self, text: str, mime: str, path: str) -> _File:
        if _is_url(text):
            data = await self._fetched(text, path)
        elif text[:5].lower() == "data:":
            mime, data = _from_data_url(text, path)
        elif mime:
            data = _decoded(text, path)
        else:
            data = await self._from_drive(text, path)
        if not data:
            raise _bad_input(path, "The file is empty.")
        sniffed = sniff(data[:HEAD_BYTES], text if len(text) < 1000 else "")
        return _File(data, sniffed if sniffed != UNKNOWN or mime in ("", "base64") else mime)

    async def _fetched(self, url: str, path: str) -> bytes:
        to = self._scratch / "input"
        try:
            await fetch(url, to, allowed_hosts=self._allowed_hosts, max_bytes=MAX_BYTES, max_s=_FETCH_S)
        except FetchError as error:
            raise _bad_input(path, f"The file cannot be fetched: {error}.") from None
        return to.read_bytes()

    async def _from_drive(self, text: str, path: str) -> bytes:
        try:
            drive_path = parse_drive_path(text)
            if self._listing_access is not None and not self._listing_access.allows(drive_path):
                raise DriveFileMissing(str(drive_path))
            file = await self._storage.open_read(self._principal.project_id, drive_path)
        except (BadDrivePath, DriveFileLocked, DriveFileMissing) as error:
            raise _bad_input(path, error.detail) from None
        try:
            if file.entry.size_bytes > MAX_BYTES:
                raise _bad_input(path, f"The file has more than {MAX_BYTES >> 20} MiB.")
            return b"".join([chunk async for chunk in file.chunks(0, MAX_BYTES)])
        finally:
            await file.close()


def _text_of(value: Any, path: str) -> tuple[str, str]:
    """Return the URL, path or content; for content also its media type, or that it is base64."""
    if isinstance(value, str):
        return value, ""
    for name in ("drive_path", "url", "data", "base64"):
        text = value.get(name)
        if isinstance(text, str) and text:
            is_content = name == "base64" or (name == "data" and text[:5].lower() != "data:")
            return text, str(value.get("media_type") or "base64") if is_content else ""
    raise _bad_input(
        path, "The object contains no file. It needs one of 'drive_path', 'url', 'data' or 'base64'."
    )


def _is_url(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://")) and bool(urlsplit(text).hostname)


def _from_data_url(text: str, path: str) -> tuple[str, bytes]:
    head, comma, body = text[5:].partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise _bad_input(path, "A data URL has the form 'data:<type>;base64,<content>'.")
    return head[: -len(";base64")].lower(), _decoded(body, path)


def _decoded(text: str, path: str) -> bytes:
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise _bad_input(path, "The content is not base64.") from None
    if len(data) > MAX_BYTES:
        raise _bad_input(path, f"The file has more than {MAX_BYTES >> 20} MiB.")
    return data


def _bad_input(path: str, message: str) -> BadMediaInputs:
    return BadMediaInputs([Problem(path, message)])
