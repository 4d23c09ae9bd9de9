"""Implement the tool `download_url`, which downloads a file to the work folder or the drive."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from backend.storage.mime import HEAD_BYTES, sniff
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.web.access import FetchLimits, RunEgress, display_url, fetch
from workers.agent.workspace import disk, file_paths

MAX_BYTES: Final = 50 << 20
DOWNLOAD_S: Final = 60.0
_NOT_IN_NAMES: Final = re.compile(r"[^\w.()+-]+")
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 1, "description": "The full URL, with https://."},
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "Target path: 'drive/photos/owl.jpg' is kept, 'owl.jpg' is deleted after the run; in a "
            "folder ('drive/photos/'), the file gets its name in the URL.",
        },
    },
    "required": ["url", "path"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class DownloadUrl:
    """Downloads a URL to a file."""

    spec = spec_of(
        "download_url",
        f"Download a file from the web, up to {MAX_BYTES >> 20} MB, within {DOWNLOAD_S:.0f} s.",
        _SCHEMA,
    )
    is_read_only = False
    is_idempotent = True
    runs_alone = True
    confirm = False

    def __init__(self, egress: RunEgress) -> None:
        """Use this egress."""
        self._egress = egress

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Download it.

        Raises:
            ToolError: the arguments are wrong, or the file is unavailable or cannot be written.
        """
        arguments = _ARGUMENTS.of(call)
        location = file_paths.to_write(_path(arguments["path"], arguments["url"]), workspace)
        fetched = await fetch(self._egress, arguments["url"], FetchLimits(MAX_BYTES, DOWNLOAD_S))
        if fetched.is_cut:
            raise ToolError(
                f"{display_url(fetched.url)} exceeds the limit of {MAX_BYTES >> 20} MB: nothing was stored."
            )
        written = await asyncio.to_thread(
            disk.write, location, fetched.content, owner_uid=workspace.assignment.sandbox_uid
        )
        kind = sniff(fetched.content[:HEAD_BYTES], location.parts[-1])
        details = {"path": location.display_name, "bytes": written.size_bytes, "content_type": kind}
        if location.is_drive:
            details |= {"drive_path": "/".join(location.parts)}
        return ToolResult(
            f"Downloaded {fetched.url} to {location.display_name}: {written.size_bytes:,} bytes, {kind}.",
            details=details,
        )


def _path(path: str, url: str) -> str:
    """Return the path of the file, with the name of the URL in case of a folder."""
    if not path.endswith("/") and "." in path.rpartition("/")[2]:
        return path
    name = _NOT_IN_NAMES.sub("_", unquote(urlsplit(url).path).rpartition("/")[2])[-100:].lstrip(".")
    return f"{path.rstrip('/')}/{name or 'download'}"
