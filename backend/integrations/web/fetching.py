"""One address fetched: redirects followed and each of them vetted, size and time bounded, nothing else sent."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import nullcontext
from email.message import Message
from typing import Final, NamedTuple

import httpx2

from backend.core.net.egress.run_egress import HEAVY_BYTES, RunEgress
from backend.integrations.web.errors import NotFetched, Why
from backend.integrations.web.transport import NotReached, OutsideTransport, TooMuch

MAX_REDIRECTS: Final = 5
_MAX_URL_CHARACTERS: Final = 8_000
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"User-Agent": "Mozilla/5.0 (compatible; PurasStudio)", "Accept-Encoding": "gzip"}
_MAX_SHOWN: Final = 200
_ANY_ENCODING: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, told by the first bytes


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
    transport = OutsideTransport(outside, most_bytes=wanted.most_bytes + (1 << 20))
    client = httpx2.AsyncClient(
        transport=transport,
        headers={**_HEADERS, "Accept": wanted.accept},
        timeout=wanted.timeout_s,
        follow_redirects=False,
        trust_env=False,
    )
    try:
        async with asyncio.timeout(wanted.timeout_s), client:
            return await _followed(client, _parsed(url), wanted.most_bytes)
    except TimeoutError:
        raise NotFetched(f"{shown(url)} was not there in whole after {wanted.timeout_s:g} s.") from None
    except NotReached as error:
        why: Why = "rule" if error.is_refused else "answer"
        raise NotFetched(f"{shown(url)} cannot be fetched: {error.sentence}.", why=why) from None
    except (httpx2.HTTPError, httpx2.StreamError, zlib.error) as error:
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
    unpacked = _Unpacked(response.headers.get("content-encoding", ""), most_bytes)
    try:
        async for chunk in response.aiter_raw():
            unpacked.feed(chunk)
            if unpacked.is_full:
                break
    except TooMuch:
        unpacked.is_full = True  # packed data that unpack to nothing much
    declared = Message()
    declared["content-type"] = response.headers.get("content-type", "")
    kind = declared.get_content_type() if response.headers.get("content-type") else ""
    charset = str(declared.get_content_charset() or "")
    del unpacked.content[most_bytes:]
    return Fetched(str(url), kind, charset, bytes(unpacked.content), unpacked.is_full)


class _Unpacked:
    """A body as it is meant; what a few bytes unpack to is bounded as well."""

    def __init__(self, encoding: str, most_bytes: int) -> None:
        names = {name.strip().lower() for name in encoding.split(",")} - {"", "identity"}
        if not names <= {"gzip", "x-gzip", "deflate"} or len(names) > 1:
            raise NotFetched(
                f"The server packed its answer as {encoding[:40]!r}, which it was not asked for."
            )
        self._unpacking = zlib.decompressobj(_ANY_ENCODING) if names else None
        self._most_bytes = most_bytes
        self.content = bytearray()
        self.is_full = False

    def feed(self, chunk: bytes) -> None:
        """Take a piece, as far as there is room."""
        room = self._most_bytes - len(self.content) + 1
        self.content += chunk[:room] if self._unpacking is None else self._unpacking.decompress(chunk, room)
        self.is_full = len(self.content) > self._most_bytes
