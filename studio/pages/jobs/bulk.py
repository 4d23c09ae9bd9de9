"""The dialog that cancels or replays several jobs one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import reflex as rx

from backend.core import ids
from backend.core.errors import PurasError
from backend.execution.jobs.cancel import cancel
from backend.execution.jobs.forks.replay import replay
from backend.money.pricing import PriceList
from studio import selection, session
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button
from studio.pages.jobs import add_to_queue
from studio.pages.jobs.compare import Comparison
from studio.pages.jobs.state import Jobs
from studio.session import Act
from studio.typing_of_reflex import Handled, as_var


class Bulk(BulkAction, rx.State):
    """An action on several jobs: `cancel` or `replay`. Ended jobs are not canceled."""

    _key: str = ""

    @rx.event
    async def begin(self, kind: str, job_id: str) -> None:
        """Ask for the confirmation of an action on the selected jobs, or on one job if none is selected."""
        jobs = await self.get_state(Jobs)
        wanted = jobs.picked or [job_id]
        rows = [row for row in jobs.rows if row.id in wanted]
        if kind in ("cancel", "replay") and not self.is_busy:
            self._ask(kind, {row.id: kind == "replay" or not row.is_over for row in rows})
            self._key = uuid4().hex

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        if self.kind == "cancel":
            return self._in_project(_cancel, message=_message)
        return self._in_project(_replay, message=_message, once=self._key)

    def _after(self, *, has_acted: bool) -> Handled:
        return [*([Jobs.leave] if has_acted else []), Jobs.refresh(False)]


def _message(job_id: str, error: PurasError) -> str:
    return f"{ids.short(UUID(job_id))}: {error.detail}"


async def _cancel(act: Act, job_id: str) -> None:
    await cancel(act.session, act.principal, UUID(job_id))


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
    return selection.selection_bar(
        Jobs,
        "Selected jobs",
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
        class_name="job-bar row wrap",
    )


def dialog() -> rx.Component:
    """Render the dialog while an action is to be confirmed or in progress."""
    is_cancel = Bulk.kind == "cancel"
    return bulk_dialog(
        Bulk,
        rx.cond(is_cancel, _about_cancel(), _about_replay()),
        verb=rx.cond(is_cancel, "Cancel", "Replay"),
        nouns=("job", "jobs"),
        is_danger=is_cancel,
        back=rx.cond(is_cancel, "Go back", "Cancel"),
        is_confirm_focused=~is_cancel,
    )


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
