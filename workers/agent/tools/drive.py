"""Implement the tools `drive_url` and `drive_pull`.

URLs of files of the drive, and copies of files of a remote drive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.workspace import disk, file_paths

LEAST_S: Final = 60
MAX_S: Final = 86_400
DEFAULT_S: Final = 3_600
MAX_PULLED_BYTES: Final = 50 << 20
PULLED: Final = "pulled"
_PATH: Final = {"type": "string", "minLength": 1, "description": "A file of the drive: 'drive/report.pdf'."}
_URL_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "path": _PATH,
        "ttl": {
            "type": "integer",
            "minimum": LEAST_S,
            "maximum": MAX_S,
            "default": DEFAULT_S,
            "description": f"Lifetime of the URL in seconds, {LEAST_S} to {MAX_S:,}.",
        },
    },
    "required": ["path"],
    "additionalProperties": False,
}
_PULL_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"path": _PATH},
    "required": ["path"],
    "additionalProperties": False,
}
_URL_ARGUMENTS: Final = Arguments(_URL_SCHEMA)
_PULL_ARGUMENTS: Final = Arguments(_PULL_SCHEMA)


class Drive(NamedTuple):
    """Access of tools to the project's drive."""

    sign: Callable[[str, int], str]
    """Returns a URL that opens a path of the drive for a number of seconds."""
    read: Callable[[str, int], Awaitable[bytes | None]]
    """Returns the content of a file, or None if it is larger than a limit. Raises PurasError if it is missing."""


class DriveUrl:
    """Returns a URL that opens a file of the drive."""

    spec = spec_of(
        "drive_url",
        "Create a temporary URL of a file of the drive. Anyone who has the URL can open the file without a "
        "key: share it only with those who may see the file.",
        _URL_SCHEMA,
    )
    is_read_only = True
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(self, drive: Drive) -> None:
        """Use the drive of a project."""
        self._drive = drive

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Create the URL.

        Raises:
            ToolError: the arguments are wrong, or there is no such file.
        """
        arguments = _URL_ARGUMENTS.of(call)
        location = _in_drive(arguments["path"], workspace)
        path, ttl_s = "/".join(location.parts), int(arguments["ttl"])
        await asyncio.to_thread(disk.file_size, location)
        url = self._drive.sign(path, ttl_s)
        note = " The URL works after this run has succeeded." if workspace.assignment.has_staged_drive else ""
        return ToolResult(
            f"{url}\nopens {location.display_name} for {ttl_s:,} s.{note}",
            details={"drive_path": path, "expires_in": ttl_s},
        )


class DrivePull:
    """Copies a file of a remote drive into the work folder."""

    spec = spec_of(
        "drive_pull",
        "Get a file of the drive as a local file. Most files are already available below ./drive. If the "
        f"drive is remote, files that the inputs do not name must be pulled; they are copied to ./{PULLED}.",
        _PULL_SCHEMA,
    )
    is_read_only = False
    is_idempotent = True
    runs_alone = True
    confirm = False

    def __init__(self, drive: Drive) -> None:
        """Use the drive of a project."""
        self._drive = drive

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Copy the file unless it is available locally.

        Raises:
            ToolError: the arguments are wrong, or there is no such file.
        """
        location = _in_drive(_PULL_ARGUMENTS.of(call)["path"], workspace)
        try:
            size = await asyncio.to_thread(disk.file_size, location)
        except ToolError:
            if not workspace.assignment.has_staged_drive:
                raise
        else:
            return ToolResult(
                f"It is already available: {location.display_name}, {size:,} bytes.",
                details={"path": location.display_name},
            )
        content = await self._drive.read("/".join(location.parts), MAX_PULLED_BYTES)
        if content is None:
            raise ToolError(f"{location.display_name!r} exceeds the limit of {MAX_PULLED_BYTES >> 20} MB.")
        copy = file_paths.to_write("/".join((PULLED, *location.parts)), workspace)
        await asyncio.to_thread(disk.write, copy, content, owner_uid=workspace.assignment.sandbox_uid)
        return ToolResult(
            f"Pulled {location.display_name} to {copy.display_name}: {len(content):,} bytes.",
            details={"path": copy.display_name},
        )


def _in_drive(path: str, workspace: Workspace) -> file_paths.FileLocation:
    """Return the location in the drive; paths may be written with or without `drive/`."""
    location = file_paths.to_read(path, workspace)
    if not location.is_drive and not path.startswith("/"):
        location = file_paths.to_read(f"drive/{path}", workspace)
    if not location.is_drive or not location.parts:
        raise ToolError(f"{path!r} is not a file of the drive. Write the path as 'drive/report.pdf'.")
    return location
