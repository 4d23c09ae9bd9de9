"""Download the sources of packages."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from workers.sandbox.packages.errors import EnvironmentFailed

from .installer import Source

MAX_BYTES: Final = 256 << 20
_IDLE_TIMEOUT_S: Final = 30.0  # without a byte from the server
_TOTAL_S: Final = 300.0
_CHUNK_BYTES: Final = 1 << 18


async def fetch(source: Source, target: Path) -> None:
    """Download the source archive to the file `target` and verify it against the index.

    Raises:
        EnvironmentFailed: it is unavailable, too large or does not match.
    """
    stop = threading.Event()
    try:
        await asyncio.to_thread(_fetch, source, target, stop)
    finally:
        stop.set()


def _fetch(source: Source, target: Path, stop: threading.Event) -> None:
    kinds = {"sha256", *(found.partition(":")[0] for found in source.hashes)}
    digests = {kind: hashlib.new(kind) for kind in kinds}
    size, deadline = 0, time.monotonic() + _TOTAL_S
    try:
        response = urllib.request.urlopen(_request(source.url), timeout=_IDLE_TIMEOUT_S)  # noqa: S310 - the operator's index
        with response, target.open("xb") as file:
            while data := response.read(_CHUNK_BYTES):
                size += len(data)
                if size > MAX_BYTES:
                    raise EnvironmentFailed(
                        f"the source of {source.name} has more than {MAX_BYTES >> 20} MiB"
                    )
                if stop.is_set() or time.monotonic() > deadline:
                    raise EnvironmentFailed(
                        f"the source of {source.name} was not downloaded within {_TOTAL_S:.0f} s"
                    )
                for digest in digests.values():
                    digest.update(data)
                file.write(data)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise EnvironmentFailed(f"the source of {source.name} cannot be downloaded: {error}") from None
    found = {f"{kind}:{digest.hexdigest()}" for kind, digest in digests.items()}
    if source.sha256 is not None and f"sha256:{source.sha256}" not in found:
        raise EnvironmentFailed(f"the source of {source.name} does not match the hash in the index")
    if source.hashes and found.isdisjoint(source.hashes):
        raise EnvironmentFailed(
            f"the source of {source.name} {source.version} has none of the hashes in requirements.txt; its "
            f"hash is sha256:{digests['sha256'].hexdigest()}. The package has no wheel, so add the hash of "
            "the source"
        )


def _request(url: str) -> urllib.request.Request:
    """Return the request for a URL, with the name and password that it may contain."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "file"):
        raise ValueError(f"URLs with the scheme {parts.scheme!r} are not supported")
    if parts.username is None:
        return urllib.request.Request(url)  # noqa: S310 - the scheme was checked above
    host = parts.netloc.rpartition("@")[2]
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)))  # noqa: S310 - as above
    request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
    return request
