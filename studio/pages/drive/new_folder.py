"""The dialog that creates a folder in the open one."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.core.errors import PurasError
from backend.data.drive import changes
from backend.identity.auth.principal import Role
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.components.live import Submit
from studio.forms import said, text
from studio.pages.drive.query import rooted
from studio.pages.drive.state import Drive
from studio.typing_of_reflex import Handled


class NewFolder(rx.State):
    """The dialog."""

    is_open: bool = False
    problem: str = ""

    @rx.event
    def open(self) -> None:
        """Open the dialog."""
        self.is_open, self.problem = True, ""

    @rx.event
    def close(self) -> None:
        """Close the dialog."""
        self.is_open = False

    @rx.event
    async def create(self, typed: dict[str, Any]) -> Handled:
        """Create the folder."""
        drive = await self.get_state(Drive)
        try:
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "drive:write")
            path = rooted(drive.folder + text(typed, "name"))
            await changes.create_folder(session.context(), act.principal, path)
        except PurasError as error:
            self.problem = said(error)
            return None
        self.is_open = False
        return Drive.refresh


def dialog() -> rx.Component:
    """Render the dialog while it is open."""
    form = rx.el.form(
        rx.el.h2("New folder"),
        rx.el.label(
            rx.el.span("Name", class_name="strong"),
            rx.el.input(
                name="name",
                required=True,
                max_length=255,
                placeholder="photos",
                class_name="in",
                custom_attrs={"data-first": "true"},
            ),
            class_name="col",
            style={"gap": "4px"},
        ),
        rx.el.p(
            "Created in ",
            rx.cond(Drive.folder == "", "the drive", Drive.folder),
            ". Use slashes to create nested folders.",
            class_name="t3",
        ),
        rx.cond(NewFolder.problem != "", note(NewFolder.problem, state="fail")),
        rx.el.div(
            button("Cancel", on_click=NewFolder.close),
            Submit.create(label="Create folder"),
            class_name="acts",
        ),
        on_submit=NewFolder.create,
        class_name="in-dlg",
    )
    return rx.cond(NewFolder.is_open, Modal.create(form, label="New folder", on_close=NewFolder.close))
