"""The stylesheets and fonts of the studio, and the labels of the statuses of jobs."""

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
    "cancelled": "Canceled",
}

_FONTS: Final = ("@fontsource-variable/geist", "@fontsource-variable/geist-mono")
_FONTS_VERSION: Final = "5.3.0"


class Fonts(rx.plugins.Plugin):
    """Bundle the fonts into the build, so that nothing is loaded from other hosts."""

    def get_frontend_dependencies(self, **context: Any) -> Sequence[str]:
        """Return the packages of the fonts."""
        return [f"{font}@{_FONTS_VERSION}" for font in _FONTS]

    def get_stylesheet_paths(self, **context: Any) -> Sequence[str]:
        """Return the stylesheets of the fonts, which precede those of the studio."""
        return [f"{font}/index.css" for font in _FONTS]
