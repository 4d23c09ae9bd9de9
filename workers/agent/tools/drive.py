"""The tools `drive_url` and `drive_pull`: files of the drive for others, and those that lie elsewhere for the run."""

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
            "description": f"Seconds for which it works, {LEAST_S} to {MAX_S:,}.",
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
    """What of the project's drive its tools use."""

    sign: Callable[[str, int], str]
    """An address that opens a path of the drive for so many seconds."""
    read: Callable[[str, int], Awaitable[bytes | None]]
    """The content of a file, up to so many bytes; none if it is larger. Raises PurasError if it is not there."""


class DriveUrl:
    """Gives an address that opens a file of the drive."""

    spec = spec_of(
        "drive_url",
        "Get an address that opens a file of the drive for a while, without a key, to whoever has it: give it only to "
        "those who may see the file.",
        _URL_SCHEMA,
    )
    is_read_only = True
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(self, drive: Drive) -> None:
        """Say whose drive it is."""
        self._drive = drive

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Make the address.

        Raises:
            ToolError: the arguments are wrong, or there is no such file.
        """
        given = _URL_ARGUMENTS.of(call)
        place = _in_drive(given["path"], workroom)
        path, ttl_s = "/".join(place.parts), int(given["ttl"])
        await asyncio.to_thread(disk.look, place)
        url = self._drive.sign(path, ttl_s)
        later = " It works once this run has succeeded." if workroom.assignment.has_own_drive else ""
        return ToolResult(
            f"{url}\nopens {place.shown} for {ttl_s:,} s.{later}",
            facts={"drive_path": path, "expires_in": ttl_s},
        )


class DrivePull:
    """Brings a file of a drive that is elsewhere into the work folder."""

    spec = spec_of(
        "drive_pull",
        "Have a file of the drive as a local file. Most are there already, below ./drive; of a drive that is kept "
        f"elsewhere, files that the inputs do not name have to be pulled, and come as a copy below ./{PULLED}.",
        _PULL_SCHEMA,
    )
    is_read_only = False
    is_idempotent = True
    runs_alone = True
    confirm = False

    def __init__(self, drive: Drive) -> None:
        """Say whose drive it is."""
        self._drive = drive

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """See to it that it is there.

        Raises:
            ToolError: the arguments are wrong, or there is no such file.
        """
        place = _in_drive(_PULL_ARGUMENTS.of(call)["path"], workroom)
        try:
            size = await asyncio.to_thread(disk.look, place)
        except ToolError:
            if not workroom.assignment.has_own_drive:
                raise
        else:
            return ToolResult(f"It is there: {place.shown}, {size:,} bytes.", facts={"path": place.shown})
        content = await self._drive.read("/".join(place.parts), MAX_PULLED_BYTES)
        if content is None:
            raise ToolError(
                f"{place.shown!r} has more than the {MAX_PULLED_BYTES >> 20} MB that can be pulled."
            )
        copy = file_paths.to_write("/".join((PULLED, *place.parts)), workroom)
        await asyncio.to_thread(disk.write, copy, content, owner_uid=workroom.assignment.sandbox_uid)
        return ToolResult(
            f"Pulled {place.shown} to {copy.shown}: {len(content):,} bytes.", facts={"path": copy.shown}
        )


def _in_drive(path: str, workroom: Workspace) -> file_paths.Place:
    """The place in the drive; its paths may be written with `drive/` in front or without."""
    place = file_paths.to_read(path, workroom)
    if not place.is_drive and not path.startswith("/"):
        place = file_paths.to_read(f"drive/{path}", workroom)
    if not place.is_drive or not place.parts:
        raise ToolError(f"{path!r} is no file of the drive: write it as 'drive/report.pdf'.")
    return place
