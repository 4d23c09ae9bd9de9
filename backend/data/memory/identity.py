"""Keys that say what a record is about, written so that the same thing has the same key.

`url:` an address, `img:` the SHA-256 of an image's bytes, `fp:` the SHA-256 of any other value; everything else is a
name that the project has chosen.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from backend.data.memory.errors import BadMemory

MAX_CHARACTERS: Final = 500
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PORTS: Final = {"http": 80, "https": 443}
_TRACKING: Final = re.compile(r"utm_\w+|gclid|fbclid|msclkid|mc_[ce]id")


def as_key(given: str, *, path: str) -> str:
    """A key as it is kept.

    Raises:
        BadMemory: it cannot be one; `path` says where it was given.
    """
    key = " ".join(given.split())
    sort, mark, rest = key.partition(":")
    if mark and sort == "url":
        key = url_key(rest)
    elif mark and sort in ("img", "fp"):
        key = f"{sort}:{rest.lower()}"
        if not _DIGEST.fullmatch(rest.lower()):
            raise BadMemory(path, f"{sort!r} is followed by a SHA-256 in 64 hexadecimal digits.")
    if not 1 <= len(key) <= MAX_CHARACTERS:
        raise BadMemory(path, f"A key has 1 to {MAX_CHARACTERS} characters.")
    return key


def url_key(address: str) -> str:
    """The key of an address: without what does not change where it leads."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError:
        return f"url:{address.strip()}"
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    place = host if port in (None, _PORTS.get(scheme)) else f"{host}:{port}"
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    query = urlencode(sorted(pair for pair in kept if not _TRACKING.fullmatch(pair[0].lower())))
    return "url:" + urlunsplit((scheme, place, parts.path.rstrip("/"), query, ""))


def image_key(content: bytes) -> str:
    """The key of an image."""
    return f"img:{hashlib.sha256(content).hexdigest()}"


def value_key(value: Any) -> str | None:
    """The key of an input: an address, a short text as it is, the fingerprint of anything else; none of nothing."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, str):
        text = " ".join(value.split())
        if text.lower().startswith(("http://", "https://")):
            return url_key(text)[:MAX_CHARACTERS]
        if text and len(text) <= MAX_CHARACTERS:
            return text
    elif isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:MAX_CHARACTERS]
    return f"fp:{content_hash(value)}"


def content_hash(value: Any) -> str:
    """Return the SHA-256 of a value as JSON, the same for the same value however its fields are ordered."""
    written = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()
