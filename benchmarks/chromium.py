"""Find Chromium on this host."""

from __future__ import annotations

import shutil
from typing import Final

_HEADLESS_SHELL: Final = "chromium-headless-shell"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def headless_shell() -> str | None:
    """Return the path of the headless shell or else of the browser; None if only that of Playwright can exist.

    The shell loads a page with a third of the CPU time of the whole browser, so tests use it.
    """
    return _first((_HEADLESS_SHELL, *_BROWSERS))


def whole_browser() -> str | None:
    """Return the path of the browser or else of the headless shell; None if only that of Playwright can exist.

    Measurements use the browser, because users do.
    """
    return _first((*_BROWSERS, _HEADLESS_SHELL))


def _first(names: tuple[str, ...]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)
