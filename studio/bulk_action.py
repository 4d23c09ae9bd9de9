"""An action on several rows, one by one, with a dialog that confirms it, shows its progress, and stops it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import reflex as rx

from backend.core.errors import Missing, PurasError
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.session import Act
from studio.typing_of_reflex import Handled, as_var

MAX_SHOWN_FAILURES: Final = 3

ActOnRow = Callable[[str], Awaitable[str]]
"""Acts on the row with a key; returns the error message, or an empty text."""


def _detail(_key: str, error: PurasError) -> str:
    return error.detail


class BulkAction(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """The state of a bulk action."""

    kind: str = ""
    """What is done; empty while the dialog is closed."""
    chosen: list[str] = []
    """The keys of the rows."""
    skipped: int = 0
    """The number of selected rows for which the action is not possible."""
    done: int = 0
    failures: list[str] = []
    is_busy: bool = False
    _is_stopped: bool = False

    @rx.event(background=True)
    async def run(self, typed: dict[str, Any]) -> None:
        """Act on the rows one by one, and show the progress; `typed` are the values of the dialog."""
        async with self:
            if self.is_busy or not self.kind:
                return
            self.is_busy = True
            act, chosen = self._act_on_row(typed), list(self.chosen)
        try:
            for done, key in enumerate(chosen, 1):
                problem = await act(key)
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
        return self._after(has_acted=self.done > 0) if was_open else None

    def _ask(self, kind: str, rows: Mapping[str, bool]) -> None:
        """Open the dialog, unless there are no rows; `rows` is whether the action is possible, by key of the row."""
        if not rows or self.is_busy:
            return
        self.kind, self.chosen = kind, [key for key, is_possible in rows.items() if is_possible]
        self.skipped = len(rows) - len(self.chosen)
        self.done, self.failures, self._is_stopped = 0, [], False

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        """Return the action on one row, which has no access to the state."""
        raise NotImplementedError

    def _in_project(
        self,
        work: Callable[[Act, str], Awaitable[object]],
        *,
        message: Callable[[str, PurasError], str] = _detail,
        is_deletion: bool = False,
        once: str = "",
    ) -> ActOnRow:
        """Return an action on one row that the user performs in the project.

        Args:
            work: Acts on the row with a key.
            message: Returns the error message for the row with a key.
            is_deletion: Whether a row that another user has deleted is no error.
            once: A text with which the action happens only once for each row.
        """
        project, cookie = self.project, self.router.headers.cookie

        async def act_on_row(key: str) -> str:
            try:
                async with session.acting_by(cookie, project, once=once and f"{once}-{key}") as act:
                    await work(act, key)
            except session.AlreadyDone:
                return ""
            except PurasError as error:
                return "" if is_deletion and isinstance(error, Missing) else message(key, error)
            return ""

        return act_on_row

    def _after(self, *, has_acted: bool) -> Handled:
        """Return the events that follow the dialog."""
        raise NotImplementedError


def bulk_dialog(
    state: Any,
    about: rx.Component,
    *,
    verb: Any,
    nouns: tuple[str, str],
    is_danger: Any,
    is_question: Any = True,
    back: Any = "Cancel",
    is_confirm_focused: Any = True,
) -> rx.Component:
    """Render the dialog of a bulk action while it is to be confirmed or in progress.

    Args:
        state: The class of the state, a `BulkAction`.
        about: What the action does, and its fields.
        verb: What is done, for the title and for the button that starts it.
        nouns: The name of one row, and of several.
        is_danger: Whether it cannot be undone.
        is_question: Whether the title is a question, unlike that of a dialog with further fields.
        back: The label of the button that closes the dialog.
        is_confirm_focused: Whether the button that starts it has the focus at first.
    """
    count = as_var(state.chosen).length()
    what = f"{verb} {count} " + rx.cond(count == 1, *nouns)
    title = what + rx.cond(is_question, "?", "")
    content = rx.el.form(
        rx.el.h2(title),
        about,
        rx.cond(state.is_busy | (state.done > 0), _progress(state)),
        rx.cond(as_var(state.failures).length() > 0, _failures(state)),
        rx.el.div(
            rx.cond(
                ~state.is_busy & (state.done > 0),
                button("Done", kind="pri", on_click=state.close),
                rx.fragment(
                    button(rx.cond(state.is_busy, "Stop", back), on_click=state.close),
                    rx.el.button(
                        what,
                        type="submit",
                        class_name=rx.cond(is_danger, "btn danger", "btn pri"),
                        disabled=state.is_busy | (count == 0),
                        custom_attrs={"data-first": rx.cond(is_confirm_focused, "true", "false")},
                    ),
                ),
            ),
            class_name="acts",
        ),
        on_submit=state.run,
        class_name="in-dlg",
    )
    return rx.cond(state.kind != "", Modal.create(content, label=title, on_close=state.close))


def _progress(state: Any) -> rx.Component:
    count, failed = as_var(state.chosen).length(), as_var(state.failures).length()
    return rx.fragment(
        rx.el.div(
            rx.el.i(style={"width": f"{100 * state.done / count}%"}),
            class_name="progress",
            role="progressbar",
            aria_label="Progress",
            custom_attrs={"aria-valuenow": state.done, "aria-valuemin": 0, "aria-valuemax": count},
        ),
        rx.el.p(
            f"{state.done} of {count}",
            rx.cond(failed > 0, f", {failed} failed", ""),
            role="status",
            class_name="t3",
        ),
    )


def _failures(state: Any) -> rx.Component:
    left = as_var(state.failures).length() - MAX_SHOWN_FAILURES
    return note(
        rx.foreach(state.failures[:MAX_SHOWN_FAILURES], lambda one: rx.el.p(one)),
        rx.cond(left > 0, rx.el.p(f"and {left} more")),
        state="fail",
    )
