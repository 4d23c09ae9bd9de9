"""Parse the size of an image from its first bytes in Python.

Untrusted images are not decoded by a library.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

KINDS: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Media types that models accept."""
MAX_PIXELS: Final = 8_000
"""Maximum of one side."""
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG segments with the size
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers without a segment
_MAX_SEGMENTS: Final = 1_000


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def size_of(content: bytes, kind: str) -> Size | None:
    """Return the size in the header of the image; none if it is broken."""
    try:
        size = _READERS[kind](content)
    except (struct.error, IndexError, KeyError):
        return None
    return size if size is not None and size.width > 0 and size.height > 0 else None


def _png(content: bytes) -> Size | None:
    return Size(*struct.unpack_from(">II", content, 16)) if content[12:16] == b"IHDR" else None


def _gif(content: bytes) -> Size:
    return Size(*struct.unpack_from("<HH", content, 6))


def _jpeg(content: bytes) -> Size | None:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        while content[at] == 0xFF:
            at += 1
        marker = content[at]
        at += 1
        if marker in _BARE:
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 3)
            return Size(width, height)
        (length,) = struct.unpack_from(">H", content, at)
        at += max(2, length)
    return None


def _webp(content: bytes) -> Size | None:
    kind = content[12:16]
    if kind == b"VP8X":
        return Size(_three(content, 24) + 1, _three(content, 27) + 1)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return Size(width & 0x3FFF, height & 0x3FFF)
    return None


def _three(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 3], "little") if len(content) >= at + 3 else -1


_READERS: Final = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}
