"""Fetching what an answer from outside points to: from the internet alone, and not more than a file may hold."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from backend.core.net.public_transport import NotReached, PublicTransport
from backend.storage.mime import HEAD_BYTES, sniff

_MAX_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 1 << 16
_TIMES: Final = httpx.Timeout(30.0, connect=10.0)


class FetchError(Exception):
    """It could not be had; the text completes a sentence."""


class Fetched(NamedTuple):
    """A file that was fetched."""

    size_bytes: int
    mime: str
    """As its first bytes tell."""


async def fetch(
    url: str, to: Path, *, allowed_hosts: Collection[str], most_bytes: int, most_s: float
) -> Fetched:
    """Write what is at the address into a file.

    Raises:
        FetchError: it is not on the internet, does not come, or is too large.
    """
    try:
        async with (
            asyncio.timeout(most_s),
            httpx.AsyncClient(
                transport=PublicTransport(allowed_hosts),
                follow_redirects=True,
                max_redirects=_MAX_REDIRECTS,
                timeout=_TIMES,
                trust_env=False,
            ) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise FetchError(f"its server answered {answer.status_code}")
            return await _write(answer, to, most_bytes)
    except TimeoutError:
        raise FetchError(f"it took longer than {most_s:.0f} s") from None
    except NotReached as error:
        raise FetchError(error.sentence) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(f"it did not arrive ({type(error).__name__})") from error


async def _write(answer: httpx.Response, to: Path, most_bytes: int) -> Fetched:
    head, size_bytes = b"", 0
    with to.open("wb") as file:
        async for chunk in answer.aiter_raw(_CHUNK_BYTES):
            head += chunk[: HEAD_BYTES - len(head)] if len(head) < HEAD_BYTES else b""
            size_bytes += len(chunk)
            if size_bytes > most_bytes:
                raise FetchError(f"it is larger than {most_bytes >> 20} MiB")
            file.write(chunk)
    if not size_bytes:
        raise FetchError("it is empty")
    return Fetched(size_bytes, sniff(head, ""))
