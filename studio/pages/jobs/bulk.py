"""The dialog that cancels or replays several jobs one by one."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

import reflex as rx

from backend.core import ids
from backend.core.errors import PurasError
from backend.execution.jobs.cancel import cancel
from backend.execution.jobs.forks.replay import replay
from backend.money.pricing import PriceList
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.pages.jobs import add_to_queue
from studio.pages.jobs.compare import Comparison
from studio.pages.jobs.state import Jobs
from studio.session import Act
from studio.typing_of_reflex import Handled, as_var

MAX_SHOWN_FAILURES: Final = 3


class Bulk(rx.State):
    """An action on several jobs."""

    kind: str = ""
    """`cancel` or `replay`; empty while the dialog is closed."""
    ids: list[str] = []
    skipped: int = 0
    """The number of selected jobs that have already ended, and cannot be canceled."""
    done: int = 0
    failures: list[str] = []
    is_busy: bool = False
    _key: str = ""
    _is_stopped: bool = False

    @rx.event
    async def begin(self, kind: str, job_id: str) -> None:
        """Ask for the confirmation of an action on the selected jobs, or on one job if none is selected."""
        jobs = await self.get_state(Jobs)
        wanted = jobs.picked or [job_id]
        rows = [row for row in jobs.rows if row.id in wanted]
        if not rows or kind not in ("cancel", "replay") or self.is_busy:
            return
        eligible = [row.id for row in rows if kind == "replay" or not row.is_over]
        self.kind, self.ids, self.skipped = kind, eligible, len(rows) - len(eligible)
        self.done, self.failures, self._is_stopped = 0, [], False
        self._key = uuid4().hex

    @rx.event(background=True)
    async def run(self) -> None:
        """Act on the jobs one by one, and show the progress."""
        async with self:
            if self.is_busy or not self.kind:
                return
            self.is_busy = True
            kind, jobs, key = self.kind, list(self.ids), self._key
            project, cookie = self.project, self.router.headers.cookie
        try:
            for done, job_id in enumerate(jobs, 1):
                problem = await _act(kind, job_id, project=project, cookie=cookie, key=f"{key}-{job_id}")
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
    async def close(self) -> Handled:
        """Close the dialog, and stop after the current job."""
        self._is_stopped = True
        was_open, has_acted, self.kind = self.kind != "", self.done > 0, ""
        if was_open:
            return [*([Jobs.leave] if has_acted else []), Jobs.refresh(False)]
        return None


async def _act(kind: str, job_id: str, *, project: str, cookie: str, key: str) -> str:
    """Cancel or replay a job; return the error message, or an empty text."""
    try:
        async with session.acting_by(cookie, project, once=key if kind == "replay" else "") as act:
            await (
                cancel(act.session, act.principal, UUID(job_id)) if kind == "cancel" else _replay(act, job_id)
            )
    except session.AlreadyDone:
        return ""
    except PurasError as error:
        return f"{ids.short(UUID(job_id))}: {error.detail}"
    return ""


async def _replay(act: Act, job_id: str) -> None:
    settings = session.context().settings
    submitted = await replay(
        act.session,
        act.principal,
        UUID(job_id),
        version=None,
        prices=PriceList.of(settings),
        max_queued=settings.max_queued_jobs,
    )
    await act.made(submitted.job_id)


def selection_bar() -> rx.Component:
    """Render the actions on the selected jobs."""
    return rx.el.div(
        rx.el.span(as_var(Jobs.picked).length(), " selected", class_name="strong num"),
        button(
            "Replay…",
            on_click=Bulk.begin("replay", ""),
            custom_attrs={"data-key": "r", "data-label": "Replay selected jobs"},
        ),
        button(
            "Cancel…",
            kind="danger",
            on_click=Bulk.begin("cancel", ""),
            custom_attrs={"data-key": "c", "data-label": "Cancel selected jobs"},
        ),
        button(
            "Compare",
            disabled=as_var(Jobs.picked).length() != 2,
            title="Select two jobs to compare them",
            on_click=[Jobs.compare, Comparison.load],
        ),
        add_to_queue.menu(),
        rx.el.span(class_name="grow"),
        button("Clear selection", kind="quiet", on_click=Jobs.leave),
        class_name="job-bar row wrap",
        role="group",
        aria_label="Selected jobs",
    )


def dialog() -> rx.Component:
    """Render the dialog while an action is to be confirmed or in progress."""
    count = as_var(Bulk.ids).length()
    what = f"{count} " + rx.cond(count == 1, "job", "jobs")
    is_cancel = Bulk.kind == "cancel"
    title: Any = rx.cond(is_cancel, f"Cancel {what}?", f"Replay {what}?")
    content = rx.el.form(
        rx.el.h2(title),
        rx.cond(is_cancel, _about_cancel(), _about_replay()),
        rx.cond(Bulk.is_busy | (Bulk.done > 0), _progress(count)),
        rx.cond(as_var(Bulk.failures).length() > 0, _failures()),
        _buttons(what, is_cancel=is_cancel),
        on_submit=lambda _: Bulk.run(),
        class_name="in-dlg",
    )
    return rx.cond(Bulk.kind != "", Modal.create(content, label=title, on_close=Bulk.close))


def _about_cancel() -> rx.Component:
    return rx.el.p(
        "The jobs and their subjobs stop within seconds. What they have already done is not undone.",
        rx.cond(Bulk.skipped > 0, f" {Bulk.skipped} of the selected jobs have already ended.", ""),
        class_name="t2",
    )


def _about_replay() -> rx.Component:
    return rx.el.p(
        "Each replay is a new job with the same inputs on the same version. It is billed like any other job.",
        class_name="t2",
    )


def _progress(count: Any) -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.i(style={"width": f"{100 * Bulk.done / count}%"}),
            class_name="progress",
            role="progressbar",
            aria_label="Progress",
            custom_attrs={"aria-valuenow": Bulk.done, "aria-valuemin": 0, "aria-valuemax": count},
        ),
        rx.el.p(
            f"{Bulk.done} of {count}",
            rx.cond(as_var(Bulk.failures).length() > 0, f", {as_var(Bulk.failures).length()} failed", ""),
            role="status",
            class_name="t3",
        ),
    )


def _failures() -> rx.Component:
    left = as_var(Bulk.failures).length() - MAX_SHOWN_FAILURES
    return note(
        rx.foreach(Bulk.failures[:MAX_SHOWN_FAILURES], lambda one: rx.el.p(one)),
        rx.cond(left > 0, rx.el.p(f"and {left} more")),
        state="fail",
    )


def _buttons(what: Any, *, is_cancel: rx.Var[bool]) -> rx.Component:
    is_over = ~Bulk.is_busy & (Bulk.done > 0)
    back = rx.cond(Bulk.is_busy, "Stop", rx.cond(is_cancel, "Go back", "Cancel"))
    confirm = rx.el.button(
        rx.cond(is_cancel, f"Cancel {what}", f"Replay {what}"),
        type="submit",
        class_name=rx.cond(is_cancel, "btn danger", "btn pri"),
        disabled=Bulk.is_busy | (as_var(Bulk.ids).length() == 0),
        custom_attrs={"data-first": rx.cond(is_cancel, "false", "true")},
    )
    return rx.el.div(
        rx.cond(
            is_over,
            button("Done", kind="pri", on_click=Bulk.close),
            rx.fragment(button(back, on_click=Bulk.close), confirm),
        ),
        class_name="acts",
    )
