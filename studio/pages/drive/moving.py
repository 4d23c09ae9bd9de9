"""The dialog that renames or moves a file, a folder, or all selected rows."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.core.errors import PurasError
from backend.data.drive import changes
from backend.data.drive.schemas import FileTransfer
from backend.identity.auth.principal import Role
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.components.live import Submit
from studio.forms import said, text
from studio.pages.drive.query import name_of, rooted
from studio.pages.drive.state import Drive
from studio.typing_of_reflex import Handled


class Moving(rx.State):
    """The dialog."""

    path: str = ""
    """What is moved; empty while the dialog is closed."""
    name: str = ""
    is_folder: bool = False
    problem: str = ""

    @rx.event
    async def begin(self, path: str) -> None:
        """Open the dialog for a file or a folder."""
        drive = await self.get_state(Drive)
        self.path, self.name, self.problem = path, name_of(path), ""
        self.is_folder = any(row.path == path and row.is_folder for row in drive.rows)

    @rx.event
    def close(self) -> None:
        """Close the dialog."""
        self.path = ""

    @rx.event
    async def move(self, typed: dict[str, Any]) -> Handled:
        """Move it, and show it at its new path."""
        target = text(typed, "target").strip("/")
        try:
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "drive:write")
            transfer = FileTransfer(source=rooted(self.path), target=rooted(target))
            moved = await changes.move(session.context(), act.principal, transfer)
        except PurasError as error:
            self.problem = said(error)
            return None
        is_folder, self.path = self.is_folder, ""
        return Drive.refresh if is_folder else Drive.show(moved.path)


def path_field(name: str, label: str, path: Any, **props: Any) -> rx.Component:
    """Render the field for a path in the drive, with its rules."""
    return rx.fragment(
        rx.el.label(
            rx.el.span(label, class_name="strong"),
            rx.el.input(
                name=name,
                default_value=path,
                spell_check=False,
                class_name="in",
                custom_attrs={"data-first": "true"},
                **props,
            ),
            class_name="col",
            style={"gap": "4px"},
        ),
        rx.el.p(
            "The path starts at the root of the drive. Missing folders are created. Existing files are not "
            "overwritten.",
            class_name="t3",
        ),
    )


def dialog() -> rx.Component:
    """Render the dialog while it is open."""
    form = rx.el.form(
        rx.el.h2("Rename or move ", Moving.name),
        path_field("target", "New path", Moving.path, required=True),
        rx.cond(Moving.problem != "", note(Moving.problem, state="fail")),
        rx.el.div(
            button("Cancel", on_click=Moving.close),
            rx.cond(Moving.is_folder, Submit.create(label="Move folder"), Submit.create(label="Move file")),
            class_name="acts",
        ),
        on_submit=Moving.move,
        class_name="in-dlg",
    )
    return rx.cond(
        Moving.path != "",
        Modal.create(form, label="Rename or move " + Moving.name, on_close=Moving.close),
    )
