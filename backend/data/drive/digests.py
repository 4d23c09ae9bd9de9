"""Read, write and compare digests of content in the headers `Content-Digest` and `Repr-Digest` (RFC 9530)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Final

from backend.core.errors import Invalid, Problem
from backend.storage.file_errors import DigestMismatch

CONTENT: Final = "Content-Digest"
REPRESENTATION: Final = "Repr-Digest"
_DIGEST: Final = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*")


def as_header(sha256: str) -> str:
    """Return the value of the header for a hexadecimal SHA-256."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def expected(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the hexadecimal SHA-256 of each digest header of a request; other algorithms are ignored.

    Raises:
        Invalid: A header is malformed.
    """
    found = {}
    for header in (CONTENT, REPRESENTATION):
        digests = headers.get(header)
        sha256 = None if digests is None else _sha256_in(header, digests)
        if sha256 is not None:
            found[header] = sha256
    return found


def check(digests: Mapping[str, str], *, file: str, body: str | None = None) -> None:
    """Reject content if a digest matches neither the file nor the body that contained it.

    Raises:
        DigestMismatch: A digest matches neither.
    """
    for header, sha256 in digests.items():
        if sha256 not in (file, body):
            raise DigestMismatch(header)


class HashedBody:
    """A body that is hashed while it is read."""

    def __init__(self, body: AsyncIterator[bytes], *, is_hashed: bool = True) -> None:
        self._body = body
        self._hash = hashlib.sha256() if is_hashed else None

    @property
    def sha256(self) -> str | None:
        """The hash of everything that was read; None if the body is not hashed."""
        return self._hash.hexdigest() if self._hash else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            if self._hash:
                self._hash.update(chunk)
            yield chunk


def _sha256_in(header: str, value: str) -> str | None:
    for item in value.split(","):
        found = _DIGEST.fullmatch(item)
        if found is None:
            raise _unreadable(header)
        if found[1] != "sha-256":
            continue
        try:
            digest = base64.b64decode(found[2], validate=True)
        except binascii.Error:
            raise _unreadable(header) from None
        if len(digest) != hashlib.sha256().digest_size:
            raise _unreadable(header)
        return digest.hex()
    return None


def _unreadable(header: str) -> Invalid:
    message = f"{header} cannot be read. Write it like 'sha-256=:<base64 of the 32 bytes>:'."
    return Invalid(message, [Problem(f"header.{header}", message)])
