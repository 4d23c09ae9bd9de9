"""The tool `download_url`: a file of the web into the work folder or the drive."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from backend.storage.mime import HEAD_BYTES, sniff
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.web import RunEgress
from workers.agent.web.fetching import Wanted, fetch, shown
from workers.agent.workspace import disk, file_paths

MAX_BYTES: Final = 50 << 20
DOWNLOAD_S: Final = 60.0
_NOT_IN_NAMES: Final = re.compile(r"[^\w.()+-]+")
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 1, "description": "The whole address, with https://."},
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "Where to: 'drive/photos/owl.jpg' stays, 'owl.jpg' ends with the run; of a folder "
            "('drive/photos/'), the file gets the name that it has in the address.",
        },
    },
    "required": ["url", "path"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class DownloadUrl:
    """Fetches one address into a file."""

    spec = spec_of(
        "download_url",
        f"Download a file from the web, up to {MAX_BYTES >> 20} MB, within {DOWNLOAD_S:.0f} s.",
        _SCHEMA,
    )
    is_read_only = False
    is_idempotent = True
    runs_alone = True
    confirm = False

    def __init__(self, outside: RunEgress) -> None:
        """Say where it may go."""
        self._outside = outside

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Download it.

        Raises:
            ToolError: the arguments are wrong, it cannot be had, or cannot be written there.
        """
        given = _ARGUMENTS.of(call)
        place = file_paths.to_write(_path(given["path"], given["url"]), workroom)
        fetched = await fetch(self._outside, given["url"], Wanted(MAX_BYTES, DOWNLOAD_S))
        if fetched.is_cut:
            raise ToolError(
                f"{shown(fetched.url)} has more than the {MAX_BYTES >> 20} MB that can be downloaded: nothing was "
                "kept."
            )
        written = await asyncio.to_thread(
            disk.write, place, fetched.content, owner_uid=workroom.assignment.sandbox_uid
        )
        kind = sniff(fetched.content[:HEAD_BYTES], place.parts[-1])
        facts = {"path": place.shown, "bytes": written.size_bytes, "content_type": kind}
        if place.is_drive:
            facts |= {"drive_path": "/".join(place.parts)}
        return ToolResult(
            f"Downloaded {fetched.url} to {place.shown}: {written.size_bytes:,} bytes, {kind}.", facts=facts
        )


def _path(path: str, url: str) -> str:
    """The path of the file; that of a folder gets the name from the address."""
    if not path.endswith("/") and "." in path.rpartition("/")[2]:
        return path
    name = _NOT_IN_NAMES.sub("_", unquote(urlsplit(url).path).rpartition("/")[2])[-100:].lstrip(".")
    return f"{path.rstrip('/')}/{name or 'download'}"
