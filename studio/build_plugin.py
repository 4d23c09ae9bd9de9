"""The plugin of Reflex that changes the built pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import reflex as rx

from studio.prerender import finish_pages


class AnyOrigin(rx.plugins.Plugin):
    """A plugin that makes built pages independent of their origin and records their inline scripts."""

    def post_build(self, **context: Any) -> None:
        """Rewrite the compiled URLs and write `script-hashes.json` next to the folder of the pages."""
        finish_pages(Path(context["static_dir"]))
