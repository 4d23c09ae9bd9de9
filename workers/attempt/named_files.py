"""Describe the files that a result names: those in places of the schema for files that the drive has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from backend.core.errors import PurasError
from backend.data.drive.file_refs import NamedFile, named_files
from backend.skills.manifest.types import Skill
from backend.storage import Storage
from backend.storage.errors import StorageUnavailable
from backend.storage.mime import sniff
from backend.storage.paths import parse_drive_path

SNIFFED_BYTES = 4096
MAX_LISTED = 10_000
"""Paths of one result that are checked, so that a result with a million of them delays no other job."""


async def output_files(storage: Storage, project_id: UUID, skill: Skill, result: Any) -> list[dict[str, Any]]:
    """Return the files of a checked result, each once, as `{name, drive_path, size_bytes, mime, version}`.

    Raises:
        StorageUnavailable: the storage did not answer which of them exist.
    """
    found: dict[str, dict[str, Any]] = {}
    for path, name in _first_names(named_files(skill.output_schema, result)).items():
        try:
            file = await _described(storage, project_id, path)
        except StorageUnavailable:
            raise
        except PurasError:
            continue  # a URL, or a file that does not exist: the value stays what the skill returned
        found.setdefault(file["drive_path"], {"name": name, **file})
    return list(found.values())


def _first_names(named: Iterable[NamedFile]) -> dict[str, str]:
    """Return each path with the first value that names it; a text that only may be a file is no output."""
    names: dict[str, str] = {}
    for file in named:
        if file.is_certain and file.drive_path is not None:
            names.setdefault(file.drive_path, file.name)
        if len(names) == MAX_LISTED:
            break
    return names


async def _described(storage: Storage, project_id: UUID, path: str) -> dict[str, Any]:
    outgoing = await storage.open_read(project_id, parse_drive_path(path))
    try:
        entry = outgoing.entry
        head = b"".join([chunk async for chunk in outgoing.chunks(0, min(SNIFFED_BYTES, entry.size_bytes))])
    finally:
        await outgoing.close()
    return {
        "drive_path": str(entry.path),
        "size_bytes": entry.size_bytes,
        "mime": sniff(head, str(entry.path).rsplit("/", 1)[-1]),
        "version": entry.version,
    }
