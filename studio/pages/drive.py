"""`/p/{project}/drive`: the files of a project.

The page itself is `assets/ui/drive`, which speaks to the same REST routes as everybody else.
"""

from __future__ import annotations

import reflex as rx

from studio.components.live import Drive
from studio.shell import Crumb, Shell, shell


def page() -> rx.Component:
    """The folders, what is in them, and what is on its way."""
    return shell(
        "drive",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Drive")],
        Drive.create(
            project=Shell.project_slug, csrf=Shell.csrf, can_write=Shell.can_write, key=Shell.project_slug
        ),
    )
