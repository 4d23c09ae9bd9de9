"""One address fetched: redirects followed and each of them vetted, size and time bounded, nothing else sent."""

from __future__ import annotations

from contextlib import nullcontext
from email.message import Message
from typing import Final, NamedTuple

import httpx2

from backend.core.net.destinations import EgressDestinations, NotReached
from backend.core.net.egress.run_egress import HEAVY_BYTES, RunEgress
from backend.core.net.transport import Limits, ResponseTooLarge, UnexpectedEncoding, guarded_client
from backend.integrations.web.errors import NotFetched, Why

MAX_REDIRECTS: Final = 5
_MAX_URL_CHARACTERS: Final = 8_000
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"User-Agent": "Mozilla/5.0 (compatible; PurasStudio)"}
_MAX_SHOWN: Final = 200
_CONNECT_S: Final = 6.0
_MAX_CONNECTIONS: Final = 16


class Fetched(NamedTuple):
    """What an address gave."""

    url: str
    """Where it was found in the end."""
    media_type: str
    """As the server says, in lower case and without parameters; empty if it says none."""
    charset: str
    content: bytes
    is_cut: bool
    """There is more."""


class Wanted(NamedTuple):
    """How much is taken of an address, and how long it may take."""

    most_bytes: int
    timeout_s: float
    accept: str = "*/*"


async def fetch(outside: RunEgress, url: str, wanted: Wanted) -> Fetched:
    """The content behind an address; of a longer one its beginning.

    Raises:
        NotFetched: it cannot be had, and why.
    """
    async with outside.heavy if wanted.most_bytes > HEAVY_BYTES else nullcontext():
        return await _fetched(outside, url, wanted)


def shown(url: str) -> str:
    """An address as sentences show it."""
    return repr(url if len(url) <= _MAX_SHOWN else f"{url[:_MAX_SHOWN]}…")


async def _fetched(outside: RunEgress, url: str, wanted: Wanted) -> Fetched:
    limits = Limits(
        max_response_bytes=wanted.most_bytes + (1 << 20),
        timeout=httpx2.Timeout(wanted.timeout_s),
        deadline_s=wanted.timeout_s,
        connect_s=_CONNECT_S,
        max_connections=_MAX_CONNECTIONS,
        accept_encoding="gzip",
    )
    headers = {**_HEADERS, "Accept": wanted.accept}
    try:
        async with guarded_client(EgressDestinations(outside), limits, headers) as client:
            return await _followed(client, _parsed(url), wanted.most_bytes)
    except TimeoutError:
        raise NotFetched(f"{shown(url)} was not there in whole after {wanted.timeout_s:g} s.") from None
    except NotReached as error:
        why: Why = "rule" if error.reason == "network_rule" else "answer"
        raise NotFetched(f"{shown(url)} cannot be fetched: {error.sentence}.", why=why) from None
    except UnexpectedEncoding as error:
        raise NotFetched(
            f"The server packed its answer as {error.encoding[:40]!r}, which it was not asked for."
        ) from None
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise NotFetched(f"{shown(url)} cannot be fetched: {type(error).__name__}: {error}.") from None


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url.strip())
    except httpx2.InvalidURL as error:
        raise NotFetched(f"{shown(url)} is not an address: {error}.", why="address") from None
    if len(url) > _MAX_URL_CHARACTERS or parsed.scheme not in ("http", "https") or not parsed.host:
        raise NotFetched(f"{shown(url)} is not an address: write 'https://…' in full.", why="address")
    return parsed.copy_with(fragment=None)


async def _followed(client: httpx2.AsyncClient, url: httpx2.URL, most_bytes: int) -> Fetched:
    for _ in range(MAX_REDIRECTS + 1):
        async with client.stream("GET", url) as response:
            place = response.headers.get("location")
            if response.status_code not in _REDIRECTS or place is None:
                return await _read(response, url, most_bytes)
        url = _parsed(str(url.join(place)))
    raise NotFetched(f"{shown(str(url))} is redirected more than {MAX_REDIRECTS} times.")


async def _read(response: httpx2.Response, url: httpx2.URL, most_bytes: int) -> Fetched:
    if response.status_code >= 400:
        raise NotFetched(f"{shown(str(url))} answers {response.status_code} {response.reason_phrase}.")
    content, is_cut = bytearray(), False
    try:
        async for chunk in response.aiter_raw():
            content += chunk
            if is_cut := len(content) > most_bytes:
                break
    except ResponseTooLarge:
        is_cut = True  # compressed data that hold little or nothing
    declared = Message()
    declared["content-type"] = response.headers.get("content-type", "")
    kind = declared.get_content_type() if response.headers.get("content-type") else ""
    charset = str(declared.get_content_charset() or "")
    return Fetched(str(url), kind, charset, bytes(content[:most_bytes]), is_cut)
