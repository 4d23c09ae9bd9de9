"""The backend part of Reflex, which handles the events of pages.

It is loaded when the first page is opened: the import takes a third of the start time and 35 MB, and many instances are
used through the API only. The build of the pages imports the same code, so that an error in it prevents a build.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

from starlette.applications import Starlette

from backend.core.bootstrap import load
from backend.core.release_files import ROOT, WEB
from studio.lazy_application import LazyApplication, Loaded

UNUSED: Final = ("requests", "tornado", "valkey")
"""Packages that the socket library of Reflex imports if they are installed, for clients and servers not used here."""


class PageEvents(LazyApplication):
    """ASGI application for the sockets of pages; they wait until Reflex is loaded."""

    def __init__(self) -> None:
        super().__init__("events of pages")

    def load(self) -> Loaded:
        """Import Reflex and all pages.

        Reflex locates the application through the working directory, so nothing in this process may use relative paths.
        """
        # A private setting of Reflex, and the only way to prevent a build at every start.
        os.environ["__REFLEX_SKIP_COMPILE"] = "true"
        os.environ.setdefault("REFLEX_ENV_MODE", "prod")
        os.environ.setdefault("REFLEX_WEB_WORKDIR", str(WEB))
        os.environ.setdefault("REFLEX_DIR", str(WEB / "reflex"))
        with contextlib.chdir(ROOT):
            events: Starlette = load("studio.studio", without=UNUSED).app()
        return Loaded(events, lambda: events.router.lifespan_context(events))
