"""Fetch one URL: check each redirect, limit size and time, and send no other data."""

from __future__ import annotations

from contextlib import nullcontext
from email.message import Message
from typing import Final, NamedTuple

import httpx2

from backend.core.net.destinations import EgressDestinations, NotReached
from backend.core.net.egress.run_egress import HEAVY_BYTES, RunEgress
from backend.core.net.transport import Limits, ResponseTooLarge, UnexpectedEncoding, guarded_client
from backend.integrations.web.errors import Cause, NotFetched

MAX_REDIRECTS: Final = 5
_MAX_URL_CHARACTERS: Final = 8_000
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"User-Agent": "Mozilla/5.0 (compatible; PurasStudio)"}
_MAX_SHOWN: Final = 200
_CONNECT_S: Final = 6.0
_MAX_CONNECTIONS: Final = 16


class Fetched(NamedTuple):
    """The content of a URL."""

    url: str
    """The URL after redirects."""
    media_type: str
    """The media type of the response, in lower case and without parameters; empty if there is none."""
    charset: str
    content: bytes
    is_cut: bool
    """Whether the content was cut at the limit."""


class FetchLimits(NamedTuple):
    """The limits of a request."""

    max_bytes: int
    timeout_s: float
    accept: str = "*/*"


async def fetch(egress: RunEgress, url: str, wanted: FetchLimits) -> Fetched:
    """Return the content of a URL; only its start if it is longer than the limit.

    Raises:
        NotFetched: It cannot be fetched; the error contains the reason.
    """
    async with egress.heavy if wanted.max_bytes > HEAVY_BYTES else nullcontext():
        return await _fetched(egress, url, wanted)


def display_url(url: str) -> str:
    """Return a URL in the form for messages."""
    return repr(url if len(url) <= _MAX_SHOWN else f"{url[:_MAX_SHOWN]}…")


async def _fetched(egress: RunEgress, url: str, wanted: FetchLimits) -> Fetched:
    limits = Limits(
        max_response_bytes=wanted.max_bytes + (1 << 20),
        timeout=httpx2.Timeout(wanted.timeout_s),
        deadline_s=wanted.timeout_s,
        connect_s=_CONNECT_S,
        max_connections=_MAX_CONNECTIONS,
        accept_encoding="gzip",
    )
    headers = {**_HEADERS, "Accept": wanted.accept}
    try:
        async with guarded_client(EgressDestinations(egress), limits, headers) as client:
            return await _followed(client, _parsed(url), wanted.max_bytes)
    except TimeoutError:
        raise NotFetched(f"{display_url(url)} was not complete within {wanted.timeout_s:g} s.") from None
    except NotReached as error:
        why: Cause = "rule" if error.reason == "network_rule" else "answer"
        raise NotFetched(f"{display_url(url)} cannot be fetched: {error.detail}.", why=why) from None
    except UnexpectedEncoding as error:
        raise NotFetched(
            f"The server encoded its response as {error.encoding[:40]!r}, which was not requested."
        ) from None
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise NotFetched(f"{display_url(url)} cannot be fetched: {type(error).__name__}: {error}.") from None


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url.strip())
    except httpx2.InvalidURL as error:
        raise NotFetched(f"{display_url(url)} is not a valid URL: {error}.", why="address") from None
    if len(url) > _MAX_URL_CHARACTERS or parsed.scheme not in ("http", "https") or not parsed.host:
        raise NotFetched(
            f"{display_url(url)} is not a valid URL: write a full URL with 'https://'.", why="address"
        )
    return parsed.copy_with(fragment=None)


async def _followed(client: httpx2.AsyncClient, url: httpx2.URL, max_bytes: int) -> Fetched:
    for _ in range(MAX_REDIRECTS + 1):
        async with client.stream("GET", url) as response:
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or location is None:
                return await _read(response, url, max_bytes)
        url = _parsed(str(url.join(location)))
    raise NotFetched(f"{display_url(str(url))} redirects more than {MAX_REDIRECTS} times.")


async def _read(response: httpx2.Response, url: httpx2.URL, max_bytes: int) -> Fetched:
    if response.status_code >= 400:
        raise NotFetched(
            f"{display_url(str(url))} returned status {response.status_code} {response.reason_phrase}."
        )
    content, is_cut = bytearray(), False
    try:
        async for chunk in response.aiter_raw():
            content += chunk
            if is_cut := len(content) > max_bytes:
                break
    except ResponseTooLarge:
        is_cut = True  # compressed data with little or no content
    declared = Message()
    declared["content-type"] = response.headers.get("content-type", "")
    kind = declared.get_content_type() if response.headers.get("content-type") else ""
    charset = str(declared.get_content_charset() or "")
    return Fetched(str(url), kind, charset, bytes(content[:max_bytes]), is_cut)
