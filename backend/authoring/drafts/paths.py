"""Check the paths of files in a draft with the rules for bundles."""

from __future__ import annotations

from collections.abc import Iterable

from backend.authoring.drafts.errors import DraftPathTaken, DraftPathUnusable
from backend.skills.archives.entry_names import Names
from backend.skills.archives.errors import BundleTooLarge, BundleUnreadable


def check(path: str, others: Iterable[str]) -> None:
    """Require that a file with this path can be added to the others.

    Raises:
        DraftPathUnusable: A bundle cannot contain the path.
        DraftPathTaken: It is one of the others, or some file systems do not distinguish it from one.
    """
    names = Names()
    try:
        names.add(path.removesuffix("/"))
    except (BundleUnreadable, BundleTooLarge) as error:
        raise DraftPathUnusable(path, error.detail) from error
    if path.endswith("/"):
        raise DraftPathUnusable(
            path, f"{path!r} is a folder. Folders are created with their files. Name a file."
        )
    for other in others:
        _require_distinct(path, other)


def _require_distinct(path: str, other: str) -> None:
    names = Names()
    try:
        names.add(other)
        names.add(path)
    except (BundleUnreadable, BundleTooLarge) as error:
        raise DraftPathTaken(path, other) from error
