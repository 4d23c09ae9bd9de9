"""The dialog that deletes or moves the selected files and folders one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import reflex as rx

from backend.core.errors import Missing, PurasError
from backend.data.drive import changes
from backend.data.drive.schemas import FileTransfer
from backend.identity.auth.principal import Role
from studio import selection, session
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button
from studio.forms import text
from studio.pages.drive.moving import path_field
from studio.pages.drive.query import name_of, rooted, with_slash
from studio.pages.drive.state import Drive, delete_entry
from studio.typing_of_reflex import Handled


class Bulk(BulkAction, rx.State):
    """An action on several files and folders: `delete` or `move`."""

    _folders: list[str] = []

    @rx.event
    async def begin(self, kind: str) -> None:
        """Ask for the confirmation of an action on the selected rows."""
        drive = await self.get_state(Drive)
        if kind in ("delete", "move") and not self.is_busy:
            self._ask(kind, dict.fromkeys(drive.picked, True))
            self._folders = [row.path for row in drive.rows if row.is_folder]

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        kind, folders, project, cookie = (
            self.kind,
            set(self._folders),
            self.project,
            self.router.headers.cookie,
        )
        target = with_slash(text(typed, "folder").strip("/"))
        return lambda path: _act(
            kind, path, target, is_folder=path in folders, project=project, cookie=cookie
        )

    def _after(self, *, has_acted: bool) -> Handled:
        return [Drive.leave, Drive.refresh] if has_acted else None


async def _act(kind: str, path: str, target: str, *, is_folder: bool, project: str, cookie: str) -> str:
    """Delete or move an entry; return the error message, or an empty text."""
    try:
        async with session.acting_by(cookie, project) as act:
            act.principal.require(Role.DEVELOPER, "drive:write")
        if kind == "delete":
            await delete_entry(act.principal, path, is_folder=is_folder)
        else:
            transfer = FileTransfer(source=rooted(path), target=rooted(target + name_of(path)))
            await changes.move(session.context(), act.principal, transfer)
    except Missing:
        return "" if kind == "delete" else f"{name_of(path)}: it does not exist any more"
    except PurasError as error:
        return f"{name_of(path)}: {error.detail}"
    return ""


def selection_bar() -> rx.Component:
    """Render the actions on the selected rows."""
    return selection.selection_bar(
        Drive,
        "Selected files",
        button("Move…", on_click=Bulk.begin("move")),
        button("Delete…", kind="danger", on_click=Bulk.begin("delete")),
        class_name="row wrap grow",
    )


def dialog() -> rx.Component:
    """Render the dialog while an action is to be confirmed or in progress."""
    is_delete = Bulk.kind == "delete"
    about = rx.cond(
        is_delete,
        rx.el.p(
            "Deleted files cannot be restored. Folders are deleted with their content. Jobs that use the files "
            "as inputs will fail.",
            class_name="t2",
        ),
        path_field("folder", "Folder", Drive.folder, placeholder="photos/2026"),
    )
    return bulk_dialog(
        Bulk,
        about,
        verb=rx.cond(is_delete, "Delete", "Move"),
        nouns=("entry", "entries"),
        is_danger=is_delete,
        is_question=is_delete,
        is_confirm_focused=False,
    )
