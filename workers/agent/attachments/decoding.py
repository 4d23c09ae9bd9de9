"""Decode files that the inputs contain; `data.drive.file_refs` finds them.

Invalid
└── AttachmentRefused  422  a file of the inputs is unavailable, or cannot be shown to the model
"""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from backend.core.errors import Invalid, field
from backend.data.drive.file_refs import NamedFile, Source, source_of
from backend.skills.schemas.schema_dialect import FILE_KEYS


class AttachmentRefused(Invalid):
    """A file of the inputs is unavailable, or cannot be shown to the model."""

    code = "attachment_refused"
    message = "inputs.{input}: {why}"
    input: str
    why: str = field(in_body=False)


_SHAPES: Final = "Send a drive path, a URL, or an object with one of drive_path, url, data and base64."


def source_in(file: NamedFile) -> Source:
    """Return the form and the text of a file.

    Raises:
        AttachmentRefused: it has none of the forms of files.
    """
    source = source_of(file.value)
    if source is not None:
        return source
    if not isinstance(file.value, dict):
        raise AttachmentRefused(file.name, f"this is not a file. {_SHAPES}")
    for key in FILE_KEYS:
        if file.value.get(key) is not None:
            raise AttachmentRefused(file.name, f"{key!r} is not text. {_SHAPES}")
    raise AttachmentRefused(file.name, f"this object is not a file. {_SHAPES}")


def content_in(file: NamedFile, source: Source) -> bytes:
    """Return the content that a `data:` URL or base64 holds.

    Raises:
        AttachmentRefused: it cannot be decoded.
    """
    if source.form == "base64":
        return _decoded(file, source.text)
    head, comma, body = source.text[5:].partition(",")
    if not comma:
        raise AttachmentRefused(file.name, "the data: URL has no comma, and therefore no content.")
    if head.lower().endswith(";base64"):
        return _decoded(file, body)
    return unquote_to_bytes(body)


def _decoded(file: NamedFile, text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise AttachmentRefused(
            file.name, "this is not valid base64. Encode the file's bytes as base64."
        ) from None
