"""Files of the inputs brought to where tools find them: the drive. It is done once, when the run begins."""

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
from workers.agent.attachments.content_blocks import Gaze
from workers.agent.attachments.decoding import content_in, source_in
from workers.agent.attachments.errors import AttachmentRefused
from workers.agent.types import ToolError, Workspace
from workers.agent.web import RunEgress
from workers.agent.web.fetching import Wanted, fetch
from workers.agent.workspace import disk, file_paths
from workers.llm.types import Block

MAX_FILES: Final = 50
MAX_BYTES: Final = 50 << 20
"""Of one file."""
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
"""An address that opens a path of the drive for so many seconds."""


@dataclass(slots=True)
class Staged:
    """The inputs as the model gets them, and what it is shown beside them."""

    inputs: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)
    before: list[Block] = field(default_factory=list)
    """What stands in front of the inputs."""
    has_files: bool = False


class _Here(NamedTuple):
    """A file that lies in the drive."""

    place: file_paths.Place
    content: bytes | None
    """None: it is too large to be looked at."""
    kind: str
    is_in_storage: bool
    """It was there before; in a drive of the attempt's own, what is new is stored when the run has succeeded."""


class Staging:
    """Stages the files of one run."""

    def __init__(self, room: Workspace, outside: RunEgress, sign: Sign, gaze: Gaze) -> None:
        self._room = room
        self._outside = outside
        self._sign = sign
        self._gaze = gaze
        self._left_bytes = MAX_TOTAL_BYTES

    async def stage(self, schema: Any, inputs: dict[str, Any]) -> Staged:
        """Every file in the drive, named by its path there, and what can be seen as blocks.

        Raises:
            AttachmentRefused: a file cannot be had, or is there to be seen by a model that cannot see it.
        """
        files = [one for one in files_of_inputs(schema, inputs, takes_attachments=True) if one.is_certain]
        files.sort(key=lambda one: one.is_attachment)
        if len(files) > MAX_FILES:
            raise AttachmentRefused(files[MAX_FILES].name, f"at most {MAX_FILES} files are taken by one job.")
        staged = Staged(deepcopy(inputs) if files else inputs, has_files=bool(files))
        for found in files:
            here = await self._here(found)
            told = {"drive_path": here.place.shown, "media_type": here.kind}
            # A publisher must not get a URL that opens what its caller writes to the path later.
            is_stored = here.is_in_storage or not self._room.assignment.has_own_drive
            if is_stored and not self._room.assignment.is_listed:
                told["url"] = self._sign("/".join(here.place.parts), ADDRESS_S)
            _put(staged.inputs, found.location, told)
            staged.blocks += await self._gaze.shown(found, here.content, here.kind)
        return staged

    async def _here(self, found: NamedFile) -> _Here:
        source = source_in(found)
        try:
            if source.form == "drive_path":
                return await asyncio.to_thread(self._in_drive, source.text)
            content = await self._content(found, source)
            kind = sniff(content[:HEAD_BYTES], _last_name(source.text) if source.form == "url" else "")
            return _Here(await asyncio.to_thread(self._keep, found, content, kind), content, kind, False)
        except ToolError as error:
            raise AttachmentRefused(found.name, str(error)) from None

    async def _content(self, found: NamedFile, source: Source) -> bytes:
        is_cut = False
        if source.form == "url":
            fetched = await fetch(self._outside, source.text, Wanted(MAX_BYTES, FETCH_S))
            content, is_cut = fetched.content, fetched.is_cut
        else:
            content = content_in(found, source)
        if is_cut or len(content) > MAX_BYTES:
            raise ToolError(f"the file has more than the {MAX_BYTES >> 20} MB that one may have.")
        self._left_bytes -= len(content)
        if self._left_bytes < 0:
            raise ToolError(f"the files of this job have more than {MAX_TOTAL_BYTES >> 20} MB together.")
        if not content:
            raise ToolError("the file is empty.")
        return content

    def _in_drive(self, path: str) -> _Here:
        try:
            place = file_paths.in_drive(parse_drive_path(path), self._room)
        except BadDrivePath as error:
            raise ToolError(error.detail) from None
        size = disk.look(place)
        content = disk.read(place) if size <= disk.MAX_BYTES else None
        kind = sniff((content or b"")[:HEAD_BYTES], place.parts[-1])
        return _Here(place, content, kind, True)

    def _keep(self, found: NamedFile, content: bytes, kind: str) -> file_paths.Place:
        names = [_NOT_IN_NAMES.sub("_", str(part))[:80] or "file" for part in found.location]
        extension = _EXTENSIONS.get(kind, "bin")
        path = "/".join(("drive", "_jobs", str(self._room.assignment.job_id), *names)) + f".{extension}"
        place = file_paths.to_write(path, self._room)
        disk.write(place, content, owner_uid=self._room.assignment.sandbox_uid)
        return place


def _put(inputs: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    holder: Any = inputs
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value


def _last_name(url: str) -> str:
    return url.partition("?")[0].partition("#")[0].rpartition("/")[2]
