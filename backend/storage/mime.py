"""Determine the media type of a file: from its first bytes if they are decisive, otherwise from its name."""

from __future__ import annotations

HEAD_BYTES = 512
"""Number of bytes that `sniff` needs."""
UNKNOWN = "application/octet-stream"

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"%PDF-", "application/pdf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x00asm", "application/wasm"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}

_BY_EXTENSION = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "css": "text/css",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "gif": "image/gif",
    "gz": "application/gzip",
    "heic": "image/heic",
    "htm": "text/html",
    "html": "text/html",
    "ico": "image/x-icon",
    "ipynb": "application/x-ipynb+json",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "log": "text/plain",
    "m4a": "audio/mp4",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "py": "text/x-python",
    "rtf": "application/rtf",
    "sqlite": "application/vnd.sqlite3",
    "srt": "application/x-subrip",
    "svg": "image/svg+xml",
    "tar": "application/x-tar",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "toml": "application/toml",
    "ts": "text/x-typescript",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}
_CONTAINERS = {
    "application/zip": ("application/vnd.openxmlformats", "application/epub+zip"),
    "application/gzip": (),
    "video/webm": ("video/x-matroska",),
    "video/mp4": ("audio/mp4", "video/quicktime"),
}
"""Formats that contain other formats: here the name may be more exact than the bytes."""
_TEXT_LIKE = (
    "text/",
    "application/json",
    "application/xml",
    "application/yaml",
    "application/toml",
    "image/svg+xml",
)
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")


def by_name(name: str) -> str:
    """Return the media type that the name implies, or `application/octet-stream`."""
    _, dot, extension = name.rpartition(".")
    return _BY_EXTENSION.get(extension.lower(), UNKNOWN) if dot else UNKNOWN


def sniff(head: bytes, name: str) -> str:
    """Return the media type that the first bytes imply; the name decides if they are not decisive."""
    named, detected = by_name(name), _by_content(head)
    if detected is not None:
        return named if named.startswith(_CONTAINERS.get(detected, ()) or "\0") else detected
    if not _is_text(head):
        return UNKNOWN if named.startswith(_TEXT_LIKE) or named in _IDENTIFIED else named
    if named.startswith(_TEXT_LIKE) or named in (
        "application/jsonl",
        "application/x-subrip",
        "application/rtf",
    ):
        return named
    return named if named.startswith("application/x-ipynb") else "text/plain"


def _by_content(head: bytes) -> str | None:
    for signature, mime in _SIGNATURES:
        if head.startswith(signature):
            return mime
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return "application/x-tar" if head[257:262] == b"ustar" else None


def _is_text(head: bytes) -> bool:
    if any(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut at the end of the head.
        return error.end >= len(head) - 3 and len(head) >= HEAD_BYTES
    return True


_IDENTIFIED = frozenset({mime for _, mime in _SIGNATURES} | set(_RIFF.values()) | set(_BRANDS.values()))
"""Media types that the first bytes always identify."""
