"""Stage the files of the inputs in the drive, once at the start of a run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from backend.data.drive.file_refs import NamedFile, Source, files_of_inputs
from backend.storage.file_errors import BadDrivePath
from backend.storage.mime import HEAD_BYTES, sniff
from backend.storage.paths import parse_drive_path
from workers.agent.attachments.content_blocks import ContentBlocks
from workers.agent.attachments.decoding import AttachmentRefused, content_in, source_in
from workers.agent.types import ToolError, Workspace
from workers.agent.web.access import FetchLimits, RunEgress, fetch
from workers.agent.workspace import disk, file_paths
from workers.llm.types import Block

MAX_FILES: Final = 50
MAX_BYTES: Final = 50 << 20
"""Maximum of one file."""
MAX_TOTAL_BYTES: Final = 200 << 20
FETCH_S: Final = 30.0
ADDRESS_S: Final = 30 * 24 * 3600
_EXTENSIONS: Final = {
    "application/json": "json",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/webp": "webp",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")

Sign = Callable[[str, int], str]
"""Returns a URL that opens a path of the drive for a number of seconds."""


@dataclass(slots=True)
class Staged:
    """The inputs and files in the form for the model."""

    inputs: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)
    before: list[Block] = field(default_factory=list)
    """Blocks before the inputs."""
    has_files: bool = False


class _StagedFile(NamedTuple):
    """A file in the drive."""

    location: file_paths.FileLocation
    content: bytes | None
    """None if it is too large to show."""
    kind: str
    is_in_storage: bool
    """It existed before; new files of a staged drive are stored after the run has succeeded."""


class Staging:
    """Stages the files of one run."""

    def __init__(
        self, workspace: Workspace, egress: RunEgress, sign: Sign, content_blocks: ContentBlocks
    ) -> None:
        self._workspace = workspace
        self._egress = egress
        self._sign = sign
        self._content_blocks = content_blocks
        self._remaining_bytes = MAX_TOTAL_BYTES

    async def stage(self, schema: Any, inputs: dict[str, Any]) -> Staged:
        """Return the inputs with all files in the drive, named by their paths, and the blocks that show them.

        Raises:
            AttachmentRefused: a file is unavailable, or the model cannot read an attachment.
        """
        files = [one for one in files_of_inputs(schema, inputs, takes_attachments=True) if one.is_certain]
        files.sort(key=lambda one: one.is_attachment)
        if len(files) > MAX_FILES:
            raise AttachmentRefused(files[MAX_FILES].name, f"a job accepts at most {MAX_FILES} files.")
        staged = Staged(deepcopy(inputs) if files else inputs, has_files=bool(files))
        for found in files:
            staged_file = await self._stage_file(found)
            described = {"drive_path": staged_file.location.display_name, "media_type": staged_file.kind}
            # A publisher must not get a URL that opens what its caller writes to the path later.
            is_stored = staged_file.is_in_storage or not self._workspace.assignment.has_staged_drive
            if is_stored and not self._workspace.assignment.is_listed:
                described["url"] = self._sign("/".join(staged_file.location.parts), ADDRESS_S)
            _set_value(staged.inputs, found.location, described)
            staged.blocks += await self._content_blocks.blocks_for(
                found, staged_file.content, staged_file.kind
            )
        return staged

    async def _stage_file(self, found: NamedFile) -> _StagedFile:
        source = source_in(found)
        try:
            if source.form == "drive_path":
                return await asyncio.to_thread(self._in_drive, source.text)
            content = await self._content(found, source)
            kind = sniff(content[:HEAD_BYTES], _last_name(source.text) if source.form == "url" else "")
            return _StagedFile(
                await asyncio.to_thread(self._store, found, content, kind), content, kind, False
            )
        except ToolError as error:
            raise AttachmentRefused(found.name, str(error)) from None

    async def _content(self, found: NamedFile, source: Source) -> bytes:
        is_cut = False
        if source.form == "url":
            fetched = await fetch(self._egress, source.text, FetchLimits(MAX_BYTES, FETCH_S))
            content, is_cut = fetched.content, fetched.is_cut
        else:
            content = content_in(found, source)
        if is_cut or len(content) > MAX_BYTES:
            raise ToolError(f"the file exceeds the limit of {MAX_BYTES >> 20} MB for one file.")
        self._remaining_bytes -= len(content)
        if self._remaining_bytes < 0:
            raise ToolError(f"the files of this job exceed the limit of {MAX_TOTAL_BYTES >> 20} MB in total.")
        if not content:
            raise ToolError("the file is empty.")
        return content

    def _in_drive(self, path: str) -> _StagedFile:
        try:
            location = file_paths.in_drive(parse_drive_path(path), self._workspace)
        except BadDrivePath as error:
            raise ToolError(error.detail) from None
        size = disk.file_size(location)
        content = disk.read(location) if size <= disk.MAX_BYTES else None
        kind = sniff((content or b"")[:HEAD_BYTES], location.parts[-1])
        return _StagedFile(location, content, kind, True)

    def _store(self, found: NamedFile, content: bytes, kind: str) -> file_paths.FileLocation:
        names = [_NOT_IN_NAMES.sub("_", str(part))[:80] or "file" for part in found.location]
        extension = _EXTENSIONS.get(kind, "bin")
        path = "/".join(("drive", "_jobs", str(self._workspace.assignment.job_id), *names)) + f".{extension}"
        location = file_paths.to_write(path, self._workspace)
        disk.write(location, content, owner_uid=self._workspace.assignment.sandbox_uid)
        return location


def _set_value(inputs: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    holder: Any = inputs
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value


def _last_name(url: str) -> str:
    return url.partition("?")[0].partition("#")[0].rpartition("/")[2]
