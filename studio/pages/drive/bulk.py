"""The dialog that deletes or moves the selected files and folders one by one."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from backend.core.errors import Missing, PurasError
from backend.data.drive import changes
from backend.data.drive.schemas import FileTransfer
from backend.identity.auth.principal import Role
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.forms import text
from studio.pages.drive.query import name_of, rooted, with_slash
from studio.pages.drive.state import Drive, delete_entry
from studio.typing_of_reflex import Handled, as_var

MAX_SHOWN_FAILURES: Final = 3


class Bulk(rx.State):
    """An action on several files and folders."""

    kind: str = ""
    """`delete` or `move`; empty while the dialog is closed."""
    paths: list[str] = []
    done: int = 0
    failures: list[str] = []
    is_busy: bool = False
    _folders: list[str] = []
    _is_stopped: bool = False

    @rx.event
    async def begin(self, kind: str) -> None:
        """Ask for the confirmation of an action on the selected rows."""
        drive = await self.get_state(Drive)
        if self.is_busy or not drive.picked or kind not in ("delete", "move"):
            return
        self.kind, self.paths, self.done, self.failures = kind, list(drive.picked), 0, []
        self._folders = [row.path for row in drive.rows if row.is_folder]
        self._is_stopped = False

    @rx.event(background=True)
    async def run(self, typed: dict[str, Any]) -> None:
        """Act on the rows one by one, and show the progress."""
        async with self:
            if self.is_busy or not self.kind:
                return
            self.is_busy = True
            kind, paths, folders = self.kind, list(self.paths), set(self._folders)
            project, cookie = self.project, self.router.headers.cookie
        target = with_slash(text(typed, "folder").strip("/"))
        try:
            for done, path in enumerate(paths, 1):
                problem = await _act(
                    kind, path, target, is_folder=path in folders, project=project, cookie=cookie
                )
                async with self:
                    self.done = done
                    if problem:
                        self.failures = [*self.failures, problem]
                    if self._is_stopped:
                        return
        finally:
            async with self:
                self.is_busy = False

    @rx.event
    def close(self) -> Handled:
        """Close the dialog, and stop after the current row."""
        was_open, self.kind, self._is_stopped = self.kind != "", "", True
        return [Drive.leave, Drive.refresh] if was_open and self.done else None


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
    return rx.el.div(
        rx.el.span(as_var(Drive.picked).length(), " selected", class_name="strong num"),
        button("Move…", on_click=Bulk.begin("move")),
        button("Delete…", kind="danger", on_click=Bulk.begin("delete")),
        rx.el.span(class_name="grow"),
        button("Clear selection", kind="quiet", on_click=Drive.leave),
        class_name="row wrap grow",
        role="group",
        aria_label="Selected files",
    )


def dialog() -> rx.Component:
    """Render the dialog while an action is to be confirmed or in progress."""
    count = as_var(Bulk.paths).length()
    what = f"{count} " + rx.cond(count == 1, "entry", "entries")
    is_delete = Bulk.kind == "delete"
    title: Any = rx.cond(is_delete, f"Delete {what}?", f"Move {what}")
    is_over = ~Bulk.is_busy & (Bulk.done > 0)
    confirm = rx.el.button(
        rx.cond(is_delete, f"Delete {what}", f"Move {what}"),
        type="submit",
        class_name=rx.cond(is_delete, "btn danger", "btn pri"),
        disabled=Bulk.is_busy,
    )
    content = rx.el.form(
        rx.el.h2(title),
        rx.cond(
            is_delete,
            rx.el.p(
                "Deleted files cannot be restored. Folders are deleted with their content. Jobs that use the files "
                "as inputs will fail.",
                class_name="t2",
            ),
            _target(),
        ),
        rx.cond(Bulk.is_busy | (Bulk.done > 0), _progress(count)),
        rx.cond(as_var(Bulk.failures).length() > 0, _failures()),
        rx.el.div(
            rx.cond(
                is_over,
                button("Done", kind="pri", on_click=Bulk.close),
                rx.fragment(button(rx.cond(Bulk.is_busy, "Stop", "Cancel"), on_click=Bulk.close), confirm),
            ),
            class_name="acts",
        ),
        on_submit=Bulk.run,
        class_name="in-dlg",
    )
    return rx.cond(Bulk.kind != "", Modal.create(content, label=title, on_close=Bulk.close))


def _target() -> rx.Component:
    return rx.fragment(
        rx.el.label(
            rx.el.span("Folder", class_name="strong"),
            rx.el.input(
                name="folder",
                default_value=Drive.folder,
                placeholder="photos/2026",
                spell_check=False,
                class_name="in",
                custom_attrs={"data-first": "true"},
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


def _progress(count: Any) -> rx.Component:
    return rx.el.p(
        f"{Bulk.done} of {count}",
        rx.cond(as_var(Bulk.failures).length() > 0, f", {as_var(Bulk.failures).length()} failed", ""),
        role="status",
        class_name="t3",
    )


def _failures() -> rx.Component:
    left = as_var(Bulk.failures).length() - MAX_SHOWN_FAILURES
    return note(
        rx.foreach(Bulk.failures[:MAX_SHOWN_FAILURES], lambda one: rx.el.p(one)),
        rx.cond(left > 0, rx.el.p(f"and {left} more")),
        state="fail",
    )
