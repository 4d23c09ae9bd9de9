"""Return the forms in which a secret may appear in text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_MIN_LINE_CHARACTERS = 16
_MAX_LINES = 64  # of one secret; more than the private keys in common use have
_BASE64_ALPHABETS = (base64.standard_b64encode, base64.urlsafe_b64encode)
_URL_SAFE_CHARACTERS = ("", "/", "~()*!'")  # forms of strict encoders, of paths, and of browsers
_PERCENT = re.compile("%[0-9A-F]{2}")


def forms_of(secret: str, min_characters: int) -> Iterator[str]:
    """Return every form of the secret that has at least `min_characters`; none if the secret is shorter."""
    if len(secret) >= min_characters:
        yield from (form for form in _forms(secret) if len(form) >= min_characters)
        yield from _lines(secret)


def _lines(secret: str) -> Iterator[str]:
    """Return the lines of a secret with several lines, such as a private key, since logs are split at line ends."""
    lines = secret.splitlines()
    if len(lines) > 1:
        stripped = (line.strip() for line in lines[:_MAX_LINES])
        yield from (line for line in stripped if len(line) >= _MIN_LINE_CHARACTERS and line[:5] != "-----")


def _forms(value: str) -> Iterator[str]:
    content = value.encode("utf-8", "surrogatepass")
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield repr(content)[2:-1]
    yield content.hex()
    yield content.hex().upper()
    yield from _percent_encoded(content)
    for offset in range(3):
        yield from _base64_forms(content, offset)


def _percent_encoded(content: bytes) -> Iterator[str]:
    encoded = [quote(content, safe=safe) for safe in _URL_SAFE_CHARACTERS]
    encoded.append(quote_plus(content))
    for form in encoded:
        yield form
        yield _PERCENT.sub(lambda found: found[0].lower(), form)


def _base64_forms(content: bytes, offset: int) -> Iterator[str]:
    """Return the forms of the content in the base64 of a longer text, `offset` bytes after a group of three.

    Characters that also contain bits of the unknown neighbors are omitted. At the end of a text the last character
    contains none, so it and the padding belong to the form.
    """
    first = (0, 2, 3)[offset]
    whole_characters = (offset + len(content)) * 8 // 6
    for encode in _BASE64_ALPHABETS:
        padded = encode(bytes(offset) + content).decode()
        yield padded[first:]
        yield padded.rstrip("=")[first:]
        yield padded[first:whole_characters]
