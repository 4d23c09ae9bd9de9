"""Receive an uploaded file, as a multipart form or as the body alone, and write it to disk piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from backend.core.errors import Unsupported
from backend.core.metrics.instruments import DRIVE_BYTES
from backend.data.drive.usage import Usage
from backend.storage import Incoming
from backend.storage.file_errors import BadUpload, FileTooLarge
from backend.storage.mime import HEAD_BYTES, sniff
from backend.storage.paths import MAX_PATH_BYTES

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FILE_BYTES = 1024**3
_WRITE_BYTES = 1024 * 1024
_MAX_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Received:
    """A complete upload."""

    path: str | None
    """The path that the form requests: a file, or a folder with a slash at the end."""
    filename: str
    """The name of the file at its origin; may be empty, and is not validated."""
    size_bytes: int
    sha256: str
    mime: str


async def receive_form(
    content_type: str | None, body: AsyncIterable[bytes], incoming: Incoming, usage: Usage
) -> Received:
    """Write the form's `file` to `incoming`, and read its `path`.

    Raises:
        Unsupported: The body is not a multipart form.
        BadUpload: The form is malformed, or does not have exactly one file.
        FileTooLarge: The file exceeds the maximum.
        DriveQuotaReached: It exceeds the quota of the drive.
    """
    form = _Form()
    parser = MultipartParser(_boundary(content_type), form.callbacks())
    try:
        async for chunk in body:
            parser.write(chunk)
            if len(form.pending) >= _WRITE_BYTES:
                await _write(form, incoming, usage)
        parser.finalize()
    except FormParserError:
        raise BadUpload("The form cannot be read: it ends too early or is not multipart/form-data.") from None
    await _write(form, incoming, usage)
    if not form.has_file or not form.is_complete:
        raise BadUpload("The form has no complete field 'file'. Send the file as multipart/form-data in it.")
    return Received(
        path=form.text("path"),
        filename=form.filename,
        size_bytes=incoming.size_bytes,
        sha256=incoming.sha256,
        mime=sniff(bytes(form.head), form.filename),
    )


async def receive_body(path: str, body: AsyncIterable[bytes], incoming: Incoming, usage: Usage) -> Received:
    """Write a body that consists of the file alone.

    Raises:
        FileTooLarge: The file exceeds the maximum.
        DriveQuotaReached: It exceeds the quota of the drive.
    """
    head = bytearray()
    async for chunk in body:
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        await _write_chunk(chunk, incoming, usage)
    name = path.rpartition("/")[2]
    return Received(path, name, incoming.size_bytes, incoming.sha256, sniff(bytes(head), name))


async def _write(form: _Form, incoming: Incoming, usage: Usage) -> None:
    if form.pending:
        await _write_chunk(bytes(form.pending), incoming, usage)
        form.pending.clear()


async def _write_chunk(chunk: bytes, incoming: Incoming, usage: Usage) -> None:
    size_bytes = incoming.size_bytes + len(chunk)
    if size_bytes > MAX_FILE_BYTES:
        raise FileTooLarge(MAX_FILE_BYTES)
    usage.require_capacity(size_bytes, 1)
    await incoming.write(chunk)
    DRIVE_BYTES.labels("in").inc(len(chunk))


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type or "")
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Unsupported("Send the file as multipart/form-data, in the field 'file'.")
    return boundary


@dataclass(slots=True)
class _Part:
    name: str = ""
    is_file: bool = False
    disposition: bytes = b""
    header: bytes = b""
    value: bytes = b""


@dataclass(slots=True)
class _Form:
    """The state of the parser."""

    pending: bytearray = field(default_factory=bytearray)
    """Bytes of the file that are not written yet."""
    head: bytearray = field(default_factory=bytearray)
    fields: dict[str, bytearray] = field(default_factory=dict)
    filename: str = ""
    has_file: bool = False
    is_complete: bool = False
    _part: _Part = field(default_factory=_Part)

    def text(self, name: str) -> str | None:
        """Return a field of the form; None if it is missing or empty."""
        try:
            return self.fields[name].decode() or None if name in self.fields else None
        except UnicodeDecodeError:
            raise BadUpload(f"The field {name!r} is not UTF-8 text.") from None

    def callbacks(self) -> MultipartCallbacks:
        """Return the callbacks of the parser."""
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._part = _Part()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def _on_header_end(self) -> None:
        if self._part.header.lower() == b"content-disposition":
            self._part.disposition = self._part.value
        self._part.header = self._part.value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._part.disposition)
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        self._part.is_file = self._part.name == "file"
        if self._part.is_file:
            if self.has_file:
                raise BadUpload("The form has several files. Send one upload for each.")
            self.has_file = True
            self.filename = options.get(b"filename", b"").decode("utf-8", "replace")
            return
        if len(self.fields) >= _MAX_FIELDS or self._part.name in self.fields:
            raise BadUpload("The form has more fields than 'file' and 'path'. Omit the others.")
        self.fields[self._part.name] = bytearray()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self.pending += data[start:end]
            if len(self.head) < HEAD_BYTES:
                self.head += data[start : min(end, start + HEAD_BYTES - len(self.head))]
            return
        text = self.fields[self._part.name]
        if len(text) + end - start > 4 * MAX_PATH_BYTES:
            raise BadUpload(f"The field {self._part.name[:40]!r} is too long.")
        text += data[start:end]

    def _on_end(self) -> None:
        self.is_complete = True
