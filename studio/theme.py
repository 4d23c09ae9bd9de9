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

# Runs before the first paint. Reflex itself only knows the theme that this browser had last.
_THEME_SCRIPT: Final = """
if (typeof document !== 'undefined') {
  try {
    const chosen = /puras-preferences=(system|light|dark)%7C/.exec(document.cookie);
    if (chosen) {
      const theme = chosen[1], isSystemDark = matchMedia('(prefers-color-scheme: dark)').matches;
      const shown = theme === 'system' ? (isSystemDark ? 'dark' : 'light') : theme;
      localStorage.setItem('theme', theme);
      document.documentElement.classList.remove('light', 'dark');
      document.documentElement.classList.add(shown);
      document.documentElement.style.colorScheme = shown;
    }
  } catch (error) {
    // Without storage or cookies, the theme is that of the system.
  }
}
"""


def theme_script() -> rx.Component:
    """Return the script that applies the theme of the user before the page is drawn."""
    return rx.el.script(_THEME_SCRIPT)


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
