"""`/p/{project}/drive`: the files of a project.

The content of the page is in `assets/ui/drive`, which uses the public REST API.
"""

from __future__ import annotations

import reflex as rx

from studio.components.live import Drive
from studio.shell import Crumb, Shell, shell


def page() -> rx.Component:
    """Render the folders, the files and the running uploads."""
    return shell(
        "drive",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Drive")],
        Drive.create(
            project=Shell.project_slug, csrf=Shell.csrf, can_write=Shell.can_write, key=Shell.project_slug
        ),
    )
