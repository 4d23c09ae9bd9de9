"""The menu that adds the selected jobs to an annotation queue."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import reflex as rx

from backend.core.errors import PurasError
from backend.evals.annotations import items, queues
from studio import session
from studio.components.elements import link
from studio.components.jobs import Menu
from studio.pages.jobs.state import Jobs
from studio.shell import Shell
from studio.typing_of_reflex import as_var


@dataclass
class QueueChoice:
    """A queue in the menu."""

    id: str
    name: str
    jobs: int


class AddToQueue(rx.State):
    """The queues to which jobs can be added."""

    queues: list[QueueChoice] = []
    outcome: str = ""
    is_failed: bool = False

    @rx.event
    async def look(self) -> None:
        """Read the queues, when the menu opens."""
        async with session.acting(self, self.project) as act:
            found = await queues.list_queues(act.session, act.principal)
        self.queues = [
            QueueChoice(str(one.id), one.name, one.pending + one.done + one.skipped) for one in found
        ]
        self.outcome, self.is_failed = "", False

    @rx.event
    async def add(self, queue_id: str) -> None:
        """Add the selected jobs that have ended to a queue."""
        jobs = await self.get_state(Jobs)
        ended = [UUID(row.id) for row in jobs.rows if row.id in jobs.picked and row.is_over]
        running = len(jobs.picked) - len(ended)
        self.is_failed = False
        if not ended:
            self.outcome = "None of the selected jobs has ended."
            return
        try:
            async with session.acting(self, self.project) as act:
                added = await items.add(act.session, act.principal, UUID(queue_id), ended)
        except PurasError as error:
            self.outcome, self.is_failed = error.detail, True
            return
        parts = [f"{added.added} added"]
        parts += [f"{added.already_in_queue} already in the queue"] if added.already_in_queue else []
        parts += [f"{running} have not ended"] if running else []
        self.outcome = ", ".join(parts) + "."


def menu() -> rx.Component:
    """Render the menu."""
    href = "/p/" + Shell.project_slug + "/annotation?new=1&" + Jobs.query
    return Menu.create(
        rx.foreach(
            AddToQueue.queues,
            lambda one: rx.el.button(
                rx.el.span(one.name, class_name="grow cut"),
                rx.el.span(one.jobs, class_name="t3 num"),
                type="button",
                class_name="item row",
                on_click=AddToQueue.add(one.id),
                key=one.id,
            ),
        ),
        rx.cond(
            as_var(AddToQueue.queues).length() == 0, rx.el.p("No annotation queues yet.", class_name="t3")
        ),
        rx.cond(
            AddToQueue.outcome != "",
            rx.el.p(AddToQueue.outcome, role="status", class_name=rx.cond(AddToQueue.is_failed, "bad", "t2")),
        ),
        link("New annotation queue…", href=href, class_name="item"),
        label="Add to queue",
        on_open=AddToQueue.look,
    )
