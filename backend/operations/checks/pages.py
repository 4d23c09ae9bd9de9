"""Check that the pages of the studio are built."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backend.core.errors import PurasError
from backend.core.release_files import IS_INSTALLED, WEB

PAGES: Final = WEB / "build" / "client"
STAMP: Final = WEB / "build" / "sources.sha256"
"""The last file that a build writes."""
REMEDY: Final = (
    "Install puras-studio again from its wheel, which contains them."
    if IS_INSTALLED
    else "Run `make pages` in the checkout."
)


class PagesMissing(PurasError):
    """There are no pages to serve."""

    code = "pages_missing"
    message = "The pages of the studio are not built in {pages}. {remedy}"
    pages: Path
    remedy: str


def require_pages() -> None:
    """Reject the start of an instance without pages.

    Raises:
        PagesMissing: They are not built.
    """
    if not STAMP.is_file():
        raise PagesMissing(PAGES, REMEDY)
