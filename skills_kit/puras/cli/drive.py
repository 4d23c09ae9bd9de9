"""The commands `puras drive ls`, `cp` and `rm`. A path with the prefix `drive:` is in the drive."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, confirmed, group
from puras.client import files

_PREFIX: Final = "drive:"


def add(commands: Any) -> None:
    """Add the commands."""
    drive = group(commands, "drive", "List, copy and delete files of the drive.", "puras drive ls -r")
    ls = command(drive, "ls", _list, "List the files in a folder of the drive.", "puras drive ls reports/ -r")
    ls.add_argument("path", nargs="?", default="", help="the folder; default: the root of the drive")
    ls.add_argument("-r", "--recursive", action="store_true", help="include subfolders")
    ls.add_argument("--search", metavar="TEXT", help="only files and folders with this text in their names")
    ls.add_argument(
        "--sort",
        choices=("name", "-name", "size", "-size", "modified", "-modified"),
        help="the order; `-` for descending, as in --sort=-size; default: by name",
    )
    cp = command(
        drive,
        "cp",
        _copy,
        "Copy a file to or from the drive. One of the two paths has the prefix `drive:`.",
        "puras drive cp photo.jpg drive:uploads/",
    )
    cp.add_argument("source", help="the file to copy, for example photo.jpg or drive:uploads/photo.jpg")
    cp.add_argument("target", help="the new path; a folder ends with a slash")
    rm = command(drive, "rm", _delete, "Delete a file of the drive.", "puras drive rm uploads/photo.jpg")
    rm.add_argument("path", help="the file, with or without the prefix `drive:`")
    rm.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")


def _list(arguments: Namespace, session: Session) -> int:
    folder = _drive_path(arguments.path)
    prefix = f"{folder.rstrip('/')}/" if folder else ""
    query = {
        "prefix": prefix,
        "limit": 200,
        "recursive": arguments.recursive,
        "q": arguments.search,
        "sort": arguments.sort,
    }
    entries = list(session.client.pages("/v1/drive", query=query))
    rows = [
        (
            "" if one["is_folder"] else printing.size(one["size_bytes"]),
            one["modified_at"][:16].replace("T", " "),
            one["path"] + ("/" if one["is_folder"] and not one["path"].endswith("/") else ""),
        )
        for one in entries
    ]
    session.show(entries, lambda: printing.table(("SIZE", "MODIFIED", "PATH"), rows))
    return exits.OK


def _copy(arguments: Namespace, session: Session) -> int:
    source, target = arguments.source, arguments.target
    if source.startswith(_PREFIX) == target.startswith(_PREFIX):
        raise UsageProblem(
            "Exactly one of the two paths must start with `drive:`. Example: puras drive cp photo.jpg drive:uploads/"
        )
    copied = (
        _upload(session, Path(source), _drive_path(target))
        if target.startswith(_PREFIX)
        else _download(session, source, target)
    )
    session.show(copied, lambda: printing.answer(f"{copied['from']} → {copied['to']}"))
    return exits.OK


def _upload(session: Session, source: Path, target: str) -> dict[str, Any]:
    if not source.is_file():
        raise UsageProblem(f"The file {str(source)!r} does not exist.")
    found = files.Source.of(source)
    progress = printing.Progress(source.name, found.size_bytes)
    try:
        path = session.client.send(found, target or f"{found.name}", on_bytes=progress)
    finally:
        progress.end()
    return {"from": str(source), "to": f"{_PREFIX}{path}", "drive_path": path, "size_bytes": found.size_bytes}


def _download(session: Session, source: str, target: str) -> dict[str, Any]:
    path = _drive_path(source)
    to = Path(target)
    if target.endswith("/") or to.is_dir():
        to = to / path.rpartition("/")[2]
    to.parent.mkdir(parents=True, exist_ok=True)
    facts = session.client.request("GET", "/v1/drive/facts", query={"path": path})
    progress = printing.Progress(to.name, facts["size_bytes"])
    try:
        session.client.download(path, to, on_bytes=progress)
    finally:
        progress.end()
    return {"from": f"{_PREFIX}{path}", "to": str(to), "drive_path": path, "size_bytes": facts["size_bytes"]}


def _delete(arguments: Namespace, session: Session) -> int:
    path = _drive_path(arguments.path)
    confirmed(f"Delete {path} from the drive?", yes=arguments.yes)
    session.client.request("DELETE", f"/v1/drive/files/{quote(path)}")
    session.show({"deleted": path}, lambda: printing.answer(f"Deleted drive:{path}"))
    return exits.OK


def _drive_path(path: str) -> str:
    return path.removeprefix(_PREFIX).removeprefix("./").strip("\n").lstrip("/")
