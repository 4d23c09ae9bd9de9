"""What the URL of the drive contains: the folder, the file in the preview, the filter and the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from backend.data.drive.sorted_listing import BY_NAME, DriveSort
from studio.page_queries import PageQuery, one_of

_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class DriveQuery(PageQuery):
    """The part of the URL after `?`."""

    folder: str = ""
    """Empty for the root, otherwise a path with a slash at its end."""
    file: str = ""
    q: str = ""
    """A part of the names of the shown files and folders."""
    sort: DriveSort = BY_NAME

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> DriveQuery:
        """Return the query of a URL without its invalid parts."""
        return cls(
            with_slash(parameters.get("folder", "")),
            parameters.get("file", ""),
            parameters.get("q", "").strip()[:_MAX_TEXT],
            one_of(parameters.get("sort", ""), get_args(DriveSort), BY_NAME),
        )


def with_slash(folder: str) -> str:
    """Return a path of a folder with a slash at its end; empty for the root."""
    return f"{folder}/" if folder and not folder.endswith("/") else folder


def name_of(path: str) -> str:
    """Return the last part of a path."""
    return path.rstrip("/").rpartition("/")[2]


def folder_of(path: str) -> str:
    """Return the folder of a path, with a slash at its end; empty for the root."""
    return path[: path.rstrip("/").rfind("/") + 1]


def rooted(path: str) -> str:
    """Return the path for the services: the prefix `drive/` is the drive itself, even if a folder has that name."""
    return f"drive/{path}"
