"""Keys of objects: the ID of the project and the path, in characters that every version of the storage supports.

Plain names are not changed, so that users find their files in the dashboard. Each byte of other characters in UTF-8 is
written as `=` and two hexadecimal digits. So the storage and all proxies receive no letters of other alphabets, no
`%2F` and no `..`, and no two paths have the same key.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import DrivePath, is_component

MAX_KEY_BYTES: Final = 1024
"""Limit of the storage; characters of other alphabets take three times as much."""

_OTHER: Final = re.compile(rb"[^A-Za-z0-9_.\- ()!,@]|(?<=\.)\.|^ | $")
_ESCAPE: Final = re.compile(rb"=([0-9A-F]{2})")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\- ()!,@=]+")


def object_key(project_id: UUID, path: DrivePath) -> str:
    """Return the key of a file.

    Raises:
        BadDrivePath: The key would be longer than the storage supports.
    """
    key = "/".join([str(project_id), *map(_encoded, path.parts)])
    if len(key) > MAX_KEY_BYTES:
        raise BadDrivePath(
            f"The path {str(path)[:77]!r} is too long for the storage of this instance, where a character outside of "
            f"ASCII takes at least six of {MAX_KEY_BYTES} characters. Shorten it."
        )
    return key


def folder_prefix(project_id: UUID, folder: DrivePath) -> str:
    """Return the prefix of the keys of all files in a folder.

    Raises:
        BadDrivePath: The prefix would be too long.
    """
    return object_key(project_id, folder) + "/"


def name_prefix(prefix: str, beginning: str) -> str:
    """Return the prefix of the keys in a folder whose names start with `beginning`.

    A space at the end is omitted, because it has another form there than within a name.
    """
    return prefix + _encoded(beginning.removesuffix(" "))


def path_of(project_id: UUID, key: str) -> DrivePath | None:
    """Return the path of a key; None for objects that were not created through a drive."""
    owner, _, rest = key.partition("/")
    if owner != str(project_id) or not rest:
        return None
    names = [_decoded(part) for part in rest.split("/")]
    parts = tuple(name for name in names if name is not None)
    path = DrivePath(parts)
    if len(parts) != len(names) or not all(map(is_component, parts)):
        return None
    return path if object_key(project_id, path) == key else None


def _encoded(name: str) -> str:
    return _OTHER.sub(lambda found: b"=%02X" % found[0][0], name.encode()).decode("ascii")


def _decoded(part: str) -> str | None:
    if not _PLAIN.fullmatch(part):
        return None
    try:
        return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), part.encode()).decode()
    except UnicodeDecodeError:
        return None
