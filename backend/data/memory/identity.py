"""Normalize the keys of records, so that the same entity always has the same key.

`url:` and a URL, `img:` and the SHA-256 of an image, `fp:` and the SHA-256 of any other value. Everything else is a
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


def as_key(raw_key: str, *, path: str) -> str:
    """Return the normalized key.

    Raises:
        BadMemory: The key is invalid; `path` names its location in the request.
    """
    key = " ".join(raw_key.split())
    prefix, separator, rest = key.partition(":")
    if separator and prefix == "url":
        key = url_key(rest)
    elif separator and prefix in ("img", "fp"):
        key = f"{prefix}:{rest.lower()}"
        if not _DIGEST.fullmatch(rest.lower()):
            raise BadMemory(path, f"{prefix!r} must be followed by a SHA-256 in 64 hexadecimal digits.")
    if not 1 <= len(key) <= MAX_CHARACTERS:
        raise BadMemory(path, f"A key must have 1 to {MAX_CHARACTERS} characters.")
    return key


def url_key(url: str) -> str:
    """Return the key of a URL, without parts that do not change what it refers to."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return f"url:{url.strip()}"
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    netloc = host if port in (None, _PORTS.get(scheme)) else f"{host}:{port}"
    parameters = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    query = urlencode(sorted(pair for pair in parameters if not _TRACKING.fullmatch(pair[0].lower())))
    return "url:" + urlunsplit((scheme, netloc, parts.path.rstrip("/"), query, ""))


def image_key(content: bytes) -> str:
    """Return the key of an image."""
    return f"img:{hashlib.sha256(content).hexdigest()}"


def value_key(value: Any) -> str | None:
    """Return the key of an input: a URL, a short text, or the fingerprint of another value; None for an empty value."""
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
    """Return the SHA-256 of a value as JSON; the order of keys has no effect."""
    serialized = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(serialized.encode()).hexdigest()
