"""The names of objects: the project's id, then the path, in characters that every version of the storage takes.

A name that is plain stays as it is, so that people find their files in the dashboard. Whatever else a drive path may
hold is written as `=` and two hexadecimal digits for each byte of its UTF-8: no letter of another alphabet, no `%2F`
and no `..` reaches the storage or anything between us and it, and no two paths share a key.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import DrivePath, is_component

MAX_KEY_BYTES: Final = 1024
"""What the storage takes; a path of other alphabets grows threefold on its way there."""

_OTHER: Final = re.compile(rb"[^A-Za-z0-9_.\- ()!,@]|(?<=\.)\.|^ | $")
_ESCAPE: Final = re.compile(rb"=([0-9A-F]{2})")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\- ()!,@=]+")


def object_key(project_id: UUID, path: DrivePath) -> str:
    """The key of a file.

    Raises:
        BadDrivePath: the key would be longer than the storage takes.
    """
    key = "/".join([str(project_id), *map(_encoded, path.parts)])
    if len(key) > MAX_KEY_BYTES:
        raise BadDrivePath(
            f"The path {str(path)[:77]!r} is too long for this instance's storage, where letters outside of ASCII take "
            f"six characters or more of {MAX_KEY_BYTES}. Shorten it."
        )
    return key


def folder_prefix(project_id: UUID, folder: DrivePath) -> str:
    """What the keys of everything in a folder begin with.

    Raises:
        BadDrivePath: nothing in it could have a key.
    """
    return object_key(project_id, folder) + "/"


def name_prefix(prefix: str, beginning: str) -> str:
    """What the keys in a folder begin with whose names have that beginning.

    The last character is left out when it might be written differently at the end of a name than in it.
    """
    return prefix + _encoded(beginning.removesuffix(" "))


def path_of(project_id: UUID, key: str) -> DrivePath | None:
    """The path whose key it is; none for objects that were not put there through a drive."""
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
