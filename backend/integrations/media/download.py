"""Download files that a provider or a caller names: from public addresses only, with limits of size and time."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

import httpx2

from backend.core.net.destinations import NotReached, PublicDestinations
from backend.core.net.transport import Limits, ResponseTooLarge, guarded_client
from backend.storage.mime import HEAD_BYTES, sniff

_MAX_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 1 << 16
_TIMEOUT: Final = httpx2.Timeout(30.0, connect=10.0)


class FetchError(Exception):
    """The download failed; the text is part of a message."""


class Fetched(NamedTuple):
    """A downloaded file."""

    size_bytes: int
    mime: str
    """The media type, determined from the first bytes."""


async def fetch(
    url: str, to: Path, *, allowed_hosts: Collection[str], max_bytes: int, max_s: float
) -> Fetched:
    """Download a URL into a file.

    Raises:
        FetchError: The host is not public, does not respond in time, or returns an error or too much data.
    """
    limits = Limits(
        max_response_bytes=max_bytes, deadline_s=max_s, max_redirects=_MAX_REDIRECTS, timeout=_TIMEOUT
    )
    try:
        async with (
            guarded_client(PublicDestinations(allowed_hosts), limits) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise FetchError(f"its server responded with status {response.status_code}")
            return await _write(response, to)
    except TimeoutError:
        raise FetchError(f"it took longer than {max_s:.0f} s") from None
    except NotReached as error:
        raise FetchError(error.detail) from None
    except ResponseTooLarge:
        raise FetchError(f"it is larger than {max_bytes >> 20} MiB") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FetchError(f"it did not arrive ({type(error).__name__})") from error


async def _write(response: httpx2.Response, to: Path) -> Fetched:
    head, size_bytes = b"", 0
    with to.open("wb") as file:
        async for chunk in response.aiter_raw(_CHUNK_BYTES):
            head += chunk[: HEAD_BYTES - len(head)]
            size_bytes += len(chunk)
            file.write(chunk)
    if not size_bytes:
        raise FetchError("it is empty")
    return Fetched(size_bytes, sniff(head, ""))
