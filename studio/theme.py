"""The look of the studio: its stylesheets, its fonts, and the words of a job's states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import reflex as rx

STYLESHEETS: Final = ["/ps.css", "/ui.css", "/pages.css"]

STATUS_WORDS: Final = {
    "queued": "Queued",
    "running": "Running",
    "waiting": "Waiting",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "cancelled": "Cancelled",
}

_FONTS: Final = ("@fontsource-variable/geist", "@fontsource-variable/geist-mono")
_FONTS_VERSION: Final = "5.3.0"


class Fonts(rx.plugins.Plugin):
    """Bundles the fonts into the build: nothing is loaded from elsewhere."""

    def get_frontend_dependencies(self, **context: Any) -> Sequence[str]:
        """The packages that hold the fonts."""
        return [f"{font}@{_FONTS_VERSION}" for font in _FONTS]

    def get_stylesheet_paths(self, **context: Any) -> Sequence[str]:
        """Their stylesheets, before ours."""
        return [f"{font}/index.css" for font in _FONTS]
