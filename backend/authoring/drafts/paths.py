"""Where files of a working copy may lie: where those of a bundle may."""

from __future__ import annotations

from collections.abc import Iterable

from backend.authoring.drafts.errors import DraftPathTaken, DraftPathUnusable
from backend.skills.archives.entry_names import Names
from backend.skills.archives.errors import BundleTooLarge, BundleUnreadable


def check(path: str, others: Iterable[str]) -> None:
    """Let the path stand beside the others.

    Raises:
        DraftPathUnusable: it is none that a bundle may have.
        DraftPathTaken: it is one of the others, or some file systems take it for one.
    """
    alone = Names()
    try:
        alone.add(path.removesuffix("/"))
    except (BundleUnreadable, BundleTooLarge) as error:
        raise DraftPathUnusable(path, error.detail) from error
    if path.endswith("/"):
        raise DraftPathUnusable(path, f"{path!r} is a folder. Folders come with their files: name a file.")
    for other in others:
        _beside(path, other)


def _beside(path: str, other: str) -> None:
    both = Names()
    try:
        both.add(other)
        both.add(path)
    except (BundleUnreadable, BundleTooLarge) as error:
        raise DraftPathTaken(path, other) from error
