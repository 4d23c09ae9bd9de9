"""The shapes in which a caller may give a file, and where in the inputs files are."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from backend.bundles.dialect import file_kind
from backend.bundles.value_schemas import ATTACHMENTS
from workers.agent.attachments.errors import AttachmentRefused

_SHAPES: Final = "Give a drive path, an address, or an object with one of drive_path, url, data and base64."


class Found(NamedTuple):
    """A file of the inputs, as it was given."""

    path: tuple[str | int, ...]
    """Where in the inputs it stands."""
    value: Any
    is_attachment: bool
    """It is there to be looked at by the model, and not as the value of an input."""

    @property
    def name(self) -> str:
        """`photos[2].original`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
        return text.removeprefix(".")


class Source(NamedTuple):
    """One of the three ways to a file."""

    drive_path: str = ""
    url: str = ""
    content: bytes | None = None


def files_in(schema: Any, inputs: dict[str, Any]) -> Iterator[Found]:
    """Every file that the schema says is one, and everything in `attachments`."""
    attached = inputs.get(ATTACHMENTS)
    yield from (
        found for found in _named(schema, inputs, ()) if found.path[0] != ATTACHMENTS or attached is None
    )
    for place, value in enumerate(attached if isinstance(attached, list) else ()):
        yield Found((ATTACHMENTS, place), value, is_attachment=True)


def source_of(found: Found) -> Source:
    """The way to a file.

    Raises:
        AttachmentRefused: it is in no shape that a file can have.
    """
    value = found.value
    if isinstance(value, str):
        return _from_text(found, value)
    if not isinstance(value, dict):
        raise AttachmentRefused(found.name, f"this is no file. {_SHAPES}")
    for key in ("drive_path", "url", "data", "base64"):
        text = value.get(key)
        if text is None:
            continue
        if not isinstance(text, str) or not text:
            raise AttachmentRefused(found.name, f"{key!r} is no text. {_SHAPES}")
        if key == "drive_path":
            return Source(drive_path=text)
        if key == "url" or text[:5].lower() == "data:":
            return _from_text(found, text)
        return Source(content=_decoded(found, text))
    raise AttachmentRefused(found.name, f"this object is no file. {_SHAPES}")


def _named(schema: Any, value: Any, path: tuple[str | int, ...]) -> Iterator[Found]:
    if not isinstance(schema, dict) or value is None:
        return
    if file_kind(schema) is not None:
        yield Found(path, value, is_attachment=False)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _named(schema.get("properties", {}).get(key), part, (*path, key))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _named(schema.get("items"), part, (*path, place))


def _from_text(found: Found, text: str) -> Source:
    if text[:5].lower() == "data:":
        head, comma, body = text[5:].partition(",")
        if not comma:
            raise AttachmentRefused(found.name, "the data: address has no comma, and so no content.")
        if head.lower().endswith(";base64"):
            return Source(content=_decoded(found, body))
        return Source(content=unquote_to_bytes(body))
    if text[:8].lower().startswith(("http://", "https://")):
        return Source(url=text)
    return Source(drive_path=text)


def _decoded(found: Found, text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise AttachmentRefused(found.name, "this is no base64. Send the file's bytes in base64.") from None
